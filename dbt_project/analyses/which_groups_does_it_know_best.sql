{{ imports('agg_group_correlations', 'dim_models', 'dim_prompts', 'dim_countries') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        group_correlations.survey_id,
        countries.country_name,
        group_correlations.group_id,
        group_correlations.pearson_r,
        group_correlations.pearson_r_standard_error,
        group_correlations.pearson_r_ci_low,
        group_correlations.pearson_r_ci_high,
        group_correlations.gain,
        group_correlations.gain_standard_error,
        group_correlations.gain_ci_low,
        group_correlations.gain_ci_high,
        group_correlations.deviation_r,
        group_correlations.deviation_r_standard_error,
        group_correlations.deviation_r_ci_low,
        group_correlations.deviation_r_ci_high,
        group_correlations.mean_total_variation,
        group_correlations.mean_wasserstein_1,
        group_correlations.question_count,
        group_correlations.null_reason,
        group_correlations.deviation_null_reason,
        prompts.is_order_controlled
    from group_correlations
    inner join models on group_correlations.model_id = models.model_id
    inner join prompts on group_correlations.prompt_id = prompts.prompt_id
    inner join countries on group_correlations.country_id = countries.country_id
    where
        {{ var_text("model", "all") }} in ('all', models.model_name)
        and {{ var_text("country", "all") }} in ('all', countries.country_id)

)

select * from final
order by
    is_order_controlled desc,
    pearson_r desc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc,
    country_name asc,
    group_id asc
