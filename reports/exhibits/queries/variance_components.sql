select
    agg.survey_id,
    replace(replace(agg.component, '_by_', ' by '), '_', ' ') as component_name,
    agg.share_of_total,
    agg.sum_of_squares,
    agg.degrees_of_freedom,
    agg.level_count,
    agg.crossed_design_count,
    agg.question_count,
    agg.country_count,
    agg.null_reason
from marts.agg_variance_components as agg
inner join marts.agg_model_summary
    on
        agg.model_id = agg_model_summary.model_id
        and agg.survey_id = agg_model_summary.survey_id
where
    agg.model_id = $model_id
    and agg.component != 'total'
    and agg_model_summary.prompt_id = $prompt_id
    and agg_model_summary.population_id is not distinct from $population_id
order by agg.share_of_total desc nulls last, agg.survey_id, agg.component
