{{ imports('fct_choice_probabilities', 'dim_models', 'dim_prompts') }}

cells as (

    select
        *,
        count(*) over (
            partition by model_id, prompt_id, question_id, country_id
        ) as choice_count
    from choice_probabilities
    where
        llm_probability is not null
        and human_share is not null
        and choice_position is not null

),

by_position as (

    select
        model_id,
        prompt_id,
        choice_count,
        choice_position,
        count(distinct question_id) as question_count,
        avg(llm_probability) as mean_llm_probability,
        avg(human_share) as mean_human_share
    from cells
    group by all

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        by_position.choice_count,
        by_position.choice_position,
        by_position.question_count,
        by_position.mean_llm_probability,
        by_position.mean_human_share,
        by_position.mean_llm_probability - by_position.mean_human_share as leaning
    from by_position
    inner join models on by_position.model_id = models.model_id
    inner join prompts on by_position.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    prompt_name asc,
    choice_count asc,
    choice_position asc
