{{ imports('agg_prompt_errors', 'dim_models') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompt_errors.survey_id,
        prompt_errors.measure,
        prompt_errors.template_count,
        prompt_errors.order_count,
        prompt_errors.is_asked,
        prompt_errors.estimate,
        prompt_errors.ci_low,
        prompt_errors.ci_high,
        prompt_errors.ci_high - prompt_errors.ci_low as interval_width,
        prompt_errors.standard_error,
        prompt_errors.battery_standard_error,
        prompt_errors.battery_share,
        prompt_errors.prompt_share,
        prompt_errors.battery_by_prompt_share,
        prompt_errors.crossed_design_count,
        prompt_errors.null_reason
    from prompt_errors
    inner join models on prompt_errors.model_id = models.model_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    survey_id asc,
    measure desc,
    is_asked desc,
    template_count asc,
    order_count asc
