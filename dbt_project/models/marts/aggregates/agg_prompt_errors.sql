with

errors as (

    select * from {{ ref('int_prompt_errors') }}

),

final as (

    select
        model_id,
        survey_id,
        measure,
        template_count,
        order_count,
        is_asked,
        coding_id,
        chat_mode,
        elicitation,
        answer_style_count,
        wording_count,
        crossed_design_count,
        estimate,
        standard_error,
        ci_low,
        ci_high,
        battery_standard_error,
        battery_share,
        prompt_share,
        battery_by_prompt_share,
        country_count,
        question_count,
        battery_count,
        effective_battery_count,
        null_reason
    from errors

)

select * from final
