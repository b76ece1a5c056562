{{ imports('agg_steering', 'agg_question_steering', 'dim_models', 'dim_prompts') }}

of_questions as (

    select
        model_id,
        prompt_id,
        survey_id,
        count(*) filter (where q_value < 0.05) as steered_question_count
    from question_steering
    group by all

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        steering.survey_id,
        steering.steering_ratio,
        steering.p_value,
        steering.country_spread,
        steering.placebo_spread,
        coalesce(of_questions.steered_question_count, 0) as steered_question_count,
        steering.question_count,
        steering.country_count,
        steering.placebo_count,
        steering.null_reason,
        prompts.is_order_controlled
    from steering
    inner join models on steering.model_id = models.model_id
    inner join prompts on steering.prompt_id = prompts.prompt_id
    left outer join of_questions
        on
            steering.model_id = of_questions.model_id
            and steering.prompt_id = of_questions.prompt_id
            and steering.survey_id = of_questions.survey_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    is_order_controlled desc,
    steering_ratio desc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc
