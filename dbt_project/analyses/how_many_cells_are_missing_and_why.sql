{{ imports('fct_mean_scores', 'dim_models', 'dim_prompts') }}

counted as (

    select
        model_id,
        prompt_id,
        survey_id,
        coalesce(null_reason, 'compared') as outcome,
        count(*) as cells,
        count(distinct question_id) as questions,
        count(distinct country_id) as countries
    from mean_scores
    group by all

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        counted.survey_id,
        counted.outcome,
        counted.cells,
        counted.cells
        / sum(counted.cells) over (
            partition by counted.model_id, counted.prompt_id, counted.survey_id
        ) as share_of_cells,
        counted.questions,
        counted.countries
    from counted
    inner join models on counted.model_id = models.model_id
    inner join prompts on counted.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc,
    cells desc,
    outcome asc
