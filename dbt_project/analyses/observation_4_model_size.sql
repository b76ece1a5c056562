{{ imports('cmp_model_size', 'dim_models', 'dim_prompts') }}

final as (

    select
        model_size.model_family,
        model_size.display_name as larger_model,
        model_size.other_display_name as smaller_model,
        model_size.parameter_count as larger_parameter_count,
        model_size.other_parameter_count as smaller_parameter_count,
        model_size.quantization as larger_quantization,
        model_size.other_quantization as smaller_quantization,
        prompts.prompt_name,
        model_size.survey_id,
        model_size.measure,
        model_size.country_count,
        model_size.model_estimate as larger_estimate,
        model_size.other_estimate as smaller_estimate,
        model_size.delta as estimate,
        model_size.ci_low,
        model_size.ci_high,
        model_size.smallest_detectable_delta,
        model_size.q_value,
        model_size.verdict,
        model_size.verdict_null_reason,
        model_size.is_order_controlled
    from model_size
    inner join models on model_size.model_id = models.model_id
    inner join prompts on model_size.prompt_id = prompts.prompt_id
    where
        model_size.area_kind = 'world'
        and {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    model_family asc,
    larger_parameter_count asc,
    smaller_parameter_count asc,
    larger_model asc,
    prompt_name asc,
    survey_id asc,
    measure asc
