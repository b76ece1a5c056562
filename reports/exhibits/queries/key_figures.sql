select
    mean_pearson_r,
    ci_low,
    ci_high,
    mean_blind_baseline_r,
    mean_r_above_blind,
    r_above_blind_ci_low,
    r_above_blind_ci_high,
    random_r_above_blind,
    random_r_above_blind_low,
    random_r_above_blind_high,
    random_place,
    mean_demeaned_pearson_r,
    demeaned_ci_low,
    demeaned_ci_high,
    abs(order_spread) as moved_by_order,
    country_ranking_reliability,
    demeaned_country_ranking_reliability,
    mean_country_gain,
    mean_skill,
    country_count,
    common_question_count,
    case
        when is_order_controlled then 'orders averaged'
        else 'one order only: not controlled'
    end as choice_order,
    null_reason
from marts.agg_model_summary
where
    model_id = $model_id
    and prompt_id = $prompt_id
    and population_id is not distinct from $population_id
