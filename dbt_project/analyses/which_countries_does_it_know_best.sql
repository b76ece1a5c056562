{{ imports('agg_country_correlations', 'dim_models', 'dim_prompts', 'dim_countries') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        countries.country_name,
        country_correlations.pearson_r,
        country_correlations.ci_low,
        country_correlations.ci_high,
        country_correlations.blind_baseline_r,
        country_correlations.r_above_blind,
        country_correlations.random_place,
        country_correlations.skill,
        country_correlations.demeaned_pearson_r,
        country_correlations.demeaned_rank,
        country_correlations.demeaned_rank_low,
        country_correlations.demeaned_rank_high,
        country_correlations.demeaned_ranking_reliability,
        country_correlations.question_count,
        country_correlations.is_order_controlled
    from country_correlations
    inner join models on country_correlations.model_id = models.model_id
    inner join prompts on country_correlations.prompt_id = prompts.prompt_id
    inner join countries on country_correlations.country_id = countries.country_id
    where
        country_correlations.pearson_r is not null
        and {{ var_text("model", "all") }} in ('all', models.model_name)
        and {{ var_text("country", "all") }} in ('all', countries.country_id)

)

select * from final
order by
    display_name asc,
    quantization asc,
    is_order_controlled desc,
    prompt_name asc,
    demeaned_pearson_r desc nulls last,
    country_name asc
