select
    agg.country_id,
    dim_countries.country_name,
    dim_countries.continent,
    agg.pearson_r,
    agg.ci_low,
    agg.ci_high,
    agg.r_rank,
    agg.r_rank_low,
    agg.r_rank_high,
    agg.blind_baseline_r,
    agg.best_other_country_r,
    best_other_countries.country_name as best_other_country_name,
    agg.country_free_r,
    agg.option_position_r,
    agg.skill,
    agg.country_gain,
    agg.mean_absolute_error,
    agg.question_count,
    agg.null_reason
from marts.agg_country_correlations as agg
inner join marts.dim_countries on agg.country_id = dim_countries.country_id
left outer join marts.dim_countries as best_other_countries
    on agg.best_other_country_id = best_other_countries.country_id
where
    agg.model_id = $model_id
    and agg.prompt_id = $prompt_id
    and agg.population_id is not distinct from $population_id
order by agg.pearson_r desc nulls last, dim_countries.country_name
