select
    agg.category_rank,
    agg.category_rank_low,
    agg.category_rank_high,
    agg.category_ranking_reliability,
    agg.category_id,
    dim_categories.category_name,
    agg.rho0,
    agg.blind_rho0,
    agg.rho0_above_blind,
    agg.rho0_above_blind_ci_low,
    agg.rho0_above_blind_ci_high,
    agg.random_rho0_above_blind,
    agg.random_place,
    agg.random_q_value,
    agg.pearson_r,
    agg.mean_absolute_error,
    agg.question_count,
    agg.country_count,
    coalesce(agg.rho0_null_reason, agg.interval_null_reason) as null_reason
from marts.agg_category_correlations as agg
inner join marts.dim_categories on agg.category_id = dim_categories.category_id
where
    agg.model_id = $model_id
    and agg.prompt_id = $prompt_id
    and agg.population_id is not distinct from $population_id
order by
    agg.category_rank nulls last,
    agg.rho0_above_blind desc nulls last,
    dim_categories.category_order,
    dim_categories.category_name
