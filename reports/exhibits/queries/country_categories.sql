select
    agg.country_id,
    dim_countries.country_name,
    agg.category_id,
    dim_categories.category_name,
    dim_categories.category_order,
    agg.rho0,
    agg.blind_rho0,
    agg.rho0_above_blind,
    agg.mean_absolute_error,
    agg.question_count,
    agg.rho0_null_reason as null_reason
from marts.agg_category_country_correlations as agg
inner join marts.dim_countries on agg.country_id = dim_countries.country_id
inner join marts.dim_categories on agg.category_id = dim_categories.category_id
where
    agg.model_id = $model_id
    and agg.prompt_id = $prompt_id
    and agg.population_id is not distinct from $population_id
    and agg.country_id = $country_id
order by dim_categories.category_order, dim_categories.category_name
