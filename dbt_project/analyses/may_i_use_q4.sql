with

quantizations as (

    select * from {{ ref('cmp_quantization') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

final as (

    select
        quantizations.display_name,
        quantizations.quantization,
        quantizations.other_quantization,
        prompts.prompt_name,
        quantizations.survey_id,
        quantizations.answer,
        quantizations.null_reason,
        quantizations.scored_cell_count,
        quantizations.mean_absolute_score_drift,
        quantizations.rms_score_drift,
        quantizations.rms_noise_floor,
        quantizations.modal_answer_changed_share,
        quantizations.pearson_r,
        quantizations.other_pearson_r,
        quantizations.pearson_r_delta,
        quantizations.pearson_r_delta_ci_low,
        quantizations.pearson_r_delta_ci_high,
        prompts.is_order_controlled
    from quantizations
    inner join models on quantizations.model_id = models.model_id
    inner join prompts on quantizations.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    other_quantization asc,
    prompt_name asc,
    survey_id asc
