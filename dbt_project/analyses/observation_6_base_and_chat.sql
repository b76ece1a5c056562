with

base_and_chat as (

    select * from {{ ref('cmp_base_chat') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

final as (

    select
        models.display_name,
        base_and_chat.other_display_name as compared_with,
        replace(base_and_chat.comparison, 'base_chat_', '') as effect,
        base_and_chat.quantization,
        base_and_chat.other_quantization,
        prompts.prompt_name,
        base_and_chat.survey_id,
        base_and_chat.measure,
        base_and_chat.country_count,
        base_and_chat.model_estimate,
        base_and_chat.other_estimate,
        base_and_chat.delta as estimate,
        base_and_chat.ci_low,
        base_and_chat.ci_high,
        base_and_chat.smallest_detectable_delta,
        base_and_chat.q_value,
        base_and_chat.verdict,
        base_and_chat.verdict_null_reason,
        base_and_chat.is_order_controlled
    from base_and_chat
    inner join models on base_and_chat.model_id = models.model_id
    inner join prompts on base_and_chat.prompt_id = prompts.prompt_id
    where
        base_and_chat.area_kind = 'world'
        and {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    prompt_name asc,
    survey_id asc,
    measure asc,
    effect desc
