{{ imports('agg_category_correlations', 'dim_categories', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        category_correlations.survey_id,
        categories.category_name,
        category_correlations.category_rank,
        category_correlations.category_rank_low,
        category_correlations.category_rank_high,
        category_correlations.category_ranking_reliability,
        category_correlations.question_count,
        category_correlations.battery_count,
        category_correlations.rho0_above_blind as estimate,
        category_correlations.rho0_above_blind_ci_low as ci_low,
        category_correlations.rho0_above_blind_ci_high as ci_high,
        category_correlations.random_rho0_above_blind,
        category_correlations.random_rho0_above_blind_low,
        category_correlations.random_rho0_above_blind_high,
        category_correlations.random_place,
        category_correlations.country_free_rho0_above_blind,
        category_correlations.random_q_value as q_value,
        case
            when not prompts.is_order_controlled or q_value is null then null
            when q_value < 0.05 then 'closer to people than random answers'
            else 'not distinguishable from random answers'
        end as verdict,
        case
            when q_value is null
                then 'too few questions, no other country, or model or people always score 0'
            when not prompts.is_order_controlled then {{ one_order() }}
        end as verdict_null_reason,
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
    is_order_controlled desc,
    prompt_name asc,
    survey_id asc,
    category_rank asc nulls last,
    category_name asc
