{{ imports('agg_category_scores', 'dim_categories', 'dim_countries', 'dim_models', 'dim_prompts') }}

final as (

    select
        categories.category_name,
        countries.country_name,
        category_scores.source_kind,
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        category_scores.coding_id,
        category_scores.question_count,
        category_scores.keyed_mean_score,
        category_scores.human_keyed_mean_score
    from category_scores
    inner join categories on category_scores.category_id = categories.category_id
    inner join countries on category_scores.country_id = countries.country_id
    left outer join models on category_scores.model_id = models.model_id
    left outer join prompts on category_scores.prompt_id = prompts.prompt_id
    where
        category_scores.source_kind = 'human'
        or {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    category_name asc,
    source_kind asc,
    display_name asc,
    quantization asc,
    prompt_name asc,
    coding_id asc,
    country_name asc
