select
    errors.survey_id,
    errors.measure,
    errors.template_count,
    errors.order_count,
    errors.is_asked,
    errors.estimate,
    errors.ci_low,
    errors.ci_high,
    errors.ci_high - errors.ci_low as interval_width,
    errors.standard_error,
    errors.battery_share,
    errors.prompt_share,
    errors.battery_by_prompt_share,
    errors.null_reason
from marts.agg_prompt_errors as errors
inner join marts.agg_model_summary
    on
        errors.model_id = agg_model_summary.model_id
        and errors.survey_id = agg_model_summary.survey_id
where
    errors.model_id = $model_id
    and agg_model_summary.prompt_id = $prompt_id
    and agg_model_summary.population_id is not distinct from $population_id
order by
    errors.measure desc, errors.is_asked desc, errors.template_count, errors.order_count,
    errors.survey_id
