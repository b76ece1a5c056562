{{ imports('agg_continent_correlations', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.size_group,
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        continent_correlations.survey_id,
        continent_correlations.continent,
        continent_correlations.country_count,
        continent_correlations.pearson_r,
        continent_correlations.ci_low,
        continent_correlations.ci_high,
        continent_correlations.blind_baseline_r,
        continent_correlations.pearson_r
        - continent_correlations.blind_baseline_r as r_above_blind,
        continent_correlations.null_reason,
        continent_correlations.is_order_controlled
    from continent_correlations
    inner join models on continent_correlations.model_id = models.model_id
    inner join prompts on continent_correlations.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    size_group asc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc,
    continent asc
