with

errors as (

    select * from {{ ref('agg_prompt_errors') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

final as (

    select
        models.display_name,
        models.quantization,
        errors.survey_id,
        errors.measure,
        errors.template_count,
        errors.order_count,
        errors.is_asked,
        errors.estimate,
        errors.ci_low,
        errors.ci_high,
        errors.ci_high - errors.ci_low as interval_width,
        errors.standard_error,
        errors.battery_standard_error,
        errors.battery_share,
        errors.prompt_share,
        errors.battery_by_prompt_share,
        errors.crossed_design_count,
        errors.null_reason
    from errors
    inner join models on errors.model_id = models.model_id
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
