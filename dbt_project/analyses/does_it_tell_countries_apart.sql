{{ imports('agg_country_correlations', 'agg_question_correlations', 'dim_models', 'dim_prompts') }}

by_country as (

    select
        model_id,
        prompt_id,
        survey_id,
        count(country_gain) as country_count,
        avg(country_gain) as mean_country_gain,
        avg(demeaned_pearson_r) as mean_demeaned_r,
        count(*) filter (where demeaned_pearson_r > 0) as countries_with_positive_demeaned_r
    from country_correlations
    group by all

),

by_question as (

    select
        model_id,
        prompt_id,
        survey_id,
        median(llm_standard_deviation) as median_spread_of_model,
        median(human_standard_deviation) as median_spread_of_people
    from question_correlations
    where country_count > 1
    group by all

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        by_country.survey_id,
        by_country.country_count,
        by_country.mean_country_gain,
        by_country.mean_demeaned_r,
        by_country.countries_with_positive_demeaned_r,
        by_question.median_spread_of_model,
        by_question.median_spread_of_people,
        prompts.is_order_controlled
    from by_country
    inner join models on by_country.model_id = models.model_id
    inner join prompts on by_country.prompt_id = prompts.prompt_id
    left outer join by_question
        on
            by_country.model_id = by_question.model_id
            and by_country.prompt_id = by_question.prompt_id
            and by_country.survey_id = by_question.survey_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    mean_demeaned_r desc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc
