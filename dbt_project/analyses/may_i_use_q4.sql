{{ imports('cmp_quantization', 'dim_models', 'dim_prompts') }}

final as (

    select
        quantization.display_name,
        quantization.quantization,
        quantization.other_quantization,
        prompts.prompt_name,
        quantization.survey_id,
        quantization.answer,
        quantization.null_reason,
        quantization.scored_cell_count,
        quantization.mean_absolute_score_drift,
        quantization.rms_score_drift,
        quantization.rms_noise_floor,
        quantization.modal_answer_changed_share,
        quantization.pearson_r,
        quantization.other_pearson_r,
        quantization.pearson_r_delta,
        quantization.pearson_r_delta_ci_low,
        quantization.pearson_r_delta_ci_high,
        prompts.is_order_controlled
    from quantization
    inner join models on quantization.model_id = models.model_id
    inner join prompts on quantization.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    other_quantization asc,
    prompt_name asc,
    survey_id asc
