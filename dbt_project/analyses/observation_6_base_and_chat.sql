{{ imports('cmp_base_chat', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.display_name,
        base_chat.other_display_name as compared_with,
        replace(base_chat.comparison, 'base_chat_', '') as effect,
        base_chat.quantization,
        base_chat.other_quantization,
        prompts.prompt_name,
        base_chat.survey_id,
        base_chat.measure,
        base_chat.country_count,
        base_chat.model_estimate,
        base_chat.other_estimate,
        base_chat.delta as estimate,
        base_chat.ci_low,
        base_chat.ci_high,
        base_chat.smallest_detectable_delta,
        base_chat.q_value,
        base_chat.verdict,
        base_chat.verdict_null_reason,
        base_chat.is_order_controlled
    from base_chat
    inner join models on base_chat.model_id = models.model_id
    inner join prompts on base_chat.prompt_id = prompts.prompt_id
    where
        base_chat.area_kind = 'world'
        and {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    prompt_name asc,
    survey_id asc,
    measure asc,
    effect desc
