select
    agg.country_id,
    dim_countries.country_name,
    agg.is_order_controlled,
    dim_countries.continent,
    agg.pearson_r,
    agg.ci_low,
    agg.ci_high,
    agg.r_rank,
    agg.r_rank_low,
    agg.r_rank_high,
    agg.r_ranking_reliability,
    agg.blind_baseline_r,
    agg.r_above_blind,
    agg.r_above_blind_ci_low,
    agg.r_above_blind_ci_high,
    agg.random_r_above_blind,
    agg.random_r_above_blind_low,
    agg.random_r_above_blind_high,
    agg.random_place,
    -- The mean of random answers is taken as known: the interval is that of r above blind.
    agg.r_above_blind - agg.random_r_above_blind as r_above_random,
    agg.r_above_blind_ci_low - agg.random_r_above_blind as r_above_random_ci_low,
    agg.r_above_blind_ci_high - agg.random_r_above_blind as r_above_random_ci_high,
    agg.best_other_country_r,
    best_other_countries.country_name as best_other_country_name,
    agg.country_free_r,
    agg.option_position_r,
    agg.skill,
    agg.country_gain,
    agg.mean_absolute_error,
    agg.question_count,
    coalesce(
        agg.null_reason,
        agg.blind_null_reason,
        if(agg.random_r_above_blind is null, 'no_random_answers', null)
    ) as random_null_reason,
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
