with

model_sizes as (

    select * from {{ ref('cmp_model_size') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

final as (

    select
        model_sizes.model_family,
        model_sizes.display_name as larger_model,
        model_sizes.other_display_name as smaller_model,
        model_sizes.parameter_count as larger_parameter_count,
        model_sizes.other_parameter_count as smaller_parameter_count,
        model_sizes.quantization as larger_quantization,
        model_sizes.other_quantization as smaller_quantization,
        prompts.prompt_name,
        model_sizes.survey_id,
        model_sizes.measure,
        model_sizes.country_count,
        model_sizes.model_estimate as larger_estimate,
        model_sizes.other_estimate as smaller_estimate,
        model_sizes.delta as estimate,
        model_sizes.ci_low,
        model_sizes.ci_high,
        model_sizes.smallest_detectable_delta,
        model_sizes.q_value,
        model_sizes.verdict,
        model_sizes.verdict_null_reason,
        model_sizes.is_order_controlled
    from model_sizes
    inner join models on model_sizes.model_id = models.model_id
    inner join prompts on model_sizes.prompt_id = prompts.prompt_id
    where
        model_sizes.area_kind = 'world'
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
