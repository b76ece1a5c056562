select
    dim_categories.category_name,
    dim_categories.category_order,
    dim_countries.country_name,
    agg.human_keyed_mean_score,
    agg.keyed_mean_score,
    agg.question_count
from marts.agg_category_scores as agg
inner join marts.dim_categories on agg.category_id = dim_categories.category_id
inner join marts.dim_countries on agg.country_id = dim_countries.country_id
where
    agg.source_kind = 'model'
    and agg.model_id = $model_id
    and agg.prompt_id = $prompt_id
    and agg.population_id is not distinct from $population_id
order by dim_categories.category_order, dim_categories.category_name, dim_countries.country_name
