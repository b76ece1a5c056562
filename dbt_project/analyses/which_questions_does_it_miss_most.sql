{{ imports('fct_mean_scores', 'dim_models', 'dim_prompts', 'dim_countries', 'dim_questions') }}

ranked as (

    select
        *,
        row_number() over (
            partition by model_id, prompt_id, country_id
            order by wasserstein_1 desc, question_id asc
        ) as question_rank
    from mean_scores
    where
        wasserstein_1 is not null
        and {{ var_text("country", "all") }} in ('all', country_id)

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        countries.country_name,
        ranked.question_rank,
        questions.question_id,
        questions.short_label,
        ranked.llm_mean_score,
        ranked.human_mean_score,
        ranked.blind_mean_score,
        ranked.wasserstein_1,
        prompts.is_order_controlled
    from ranked
    inner join models on ranked.model_id = models.model_id
    inner join prompts on ranked.prompt_id = prompts.prompt_id
    inner join countries on ranked.country_id = countries.country_id
    inner join questions on ranked.question_id = questions.question_id
    where
        ranked.question_rank <= 10
        and {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    is_order_controlled desc,
    prompt_name asc,
    country_name asc,
    question_rank asc
