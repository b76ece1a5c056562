select
    agg.country_id,
    dim_countries.country_name,
    agg.is_order_controlled,
    agg.pearson_r,
    agg.demeaned_pearson_r,
    agg.demeaned_ci_low,
    agg.demeaned_ci_high,
    agg.demeaned_rank,
    agg.demeaned_rank_low,
    agg.demeaned_rank_high,
    agg.demeaned_question_count,
    agg.demeaned_null_reason
from marts.agg_country_correlations as agg
inner join marts.dim_countries on agg.country_id = dim_countries.country_id
where
    agg.model_id = $model_id
    and agg.prompt_id = $prompt_id
    and agg.population_id is not distinct from $population_id
order by agg.pearson_r desc nulls last, dim_countries.country_name
