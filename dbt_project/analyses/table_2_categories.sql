{{ imports('agg_category_correlations', 'dim_categories', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        category_correlations.survey_id,
        categories.category_name,
        category_correlations.question_count,
        category_correlations.country_count,
        category_correlations.pearson_r,
        category_correlations.null_reason,
        category_correlations.rho0,
        category_correlations.blind_rho0,
        category_correlations.rho0_above_blind,
        category_correlations.category_rank,
        category_correlations.category_rank_low,
        category_correlations.category_rank_high,
        category_correlations.category_ranking_reliability,
        category_correlations.mean_absolute_error,
        prompts.is_order_controlled
    from category_correlations
    inner join categories on category_correlations.category_id = categories.category_id
    inner join models on category_correlations.model_id = models.model_id
    inner join prompts on category_correlations.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc,
    category_rank asc nulls last,
    category_name asc
