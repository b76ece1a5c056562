{{ imports('agg_distances', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        distances.survey_id,
        distances.stratum,
        distances.total_variation_score,
        distances.total_variation_score_ci_low,
        distances.total_variation_score_ci_high,
        distances.effective_respondents,
        distances.effective_respondents_ci_low,
        distances.effective_respondents_ci_high,
        distances.effective_respondents_null_reason,
        distances.mean_total_variation,
        distances.mean_total_variation_ci_low,
        distances.mean_total_variation_ci_high,
        distances.floor_mean_total_variation,
        distances.uniform_mean_total_variation,
        distances.mean_wasserstein_1,
        distances.mean_wasserstein_1_ci_low,
        distances.mean_wasserstein_1_ci_high,
        distances.floor_mean_wasserstein_1,
        distances.uniform_mean_wasserstein_1,
        distances.mean_jensen_shannon_distance,
        distances.mean_jensen_shannon_distance_ci_low,
        distances.mean_jensen_shannon_distance_ci_high,
        distances.floor_mean_jensen_shannon_distance,
        distances.uniform_mean_jensen_shannon_distance,
        distances.modal_agreement_share,
        distances.mean_human_entropy,
        distances.mean_llm_entropy,
        distances.interval_null_reason,
        distances.cell_count,
        prompts.is_order_controlled
    from distances
    inner join models on distances.model_id = models.model_id
    inner join prompts on distances.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    is_order_controlled desc,
    prompt_name asc,
    survey_id asc,
    array_position(['all', 'consensus', 'between', 'divided'], stratum) asc
