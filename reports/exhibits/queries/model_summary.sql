select
    dim_models.display_name,
    dim_models.quantization,
    dim_prompts.prompt_name,
    agg.population_id,
    agg.mean_pearson_r,
    agg.ci_low,
    agg.ci_high,
    agg.mean_blind_baseline_r,
    agg.mean_r_above_blind,
    agg.r_above_blind_ci_low,
    agg.r_above_blind_ci_high,
    agg.random_r_above_blind,
    agg.random_r_above_blind_low,
    agg.random_r_above_blind_high,
    agg.random_place,
    agg.mean_demeaned_pearson_r,
    agg.demeaned_ci_low,
    agg.demeaned_ci_high,
    agg.mean_country_gain,
    agg.mean_skill,
    agg.mean_off_choice_mass,
    agg.order_spread,
    agg.country_count,
    agg.common_question_count,
    agg.survey_precedes_cutoff,
    agg.is_order_controlled,
    coalesce(agg.null_reason, agg.interval_null_reason) as null_reason,
    agg.model_id,
    agg.prompt_id
from marts.agg_model_summary as agg
inner join marts.dim_models on agg.model_id = dim_models.model_id
inner join marts.dim_prompts on agg.prompt_id = dim_prompts.prompt_id
-- Orders of the choices are replaced by their average, as among the designs that one can choose.
qualify
    dim_prompts.is_derived
    or not bool_or(dim_prompts.is_derived) over (
        partition by agg.model_id, agg.survey_id, dim_prompts.order_family_id
    )
order by
    agg.mean_pearson_r desc nulls last,
    dim_models.display_name,
    dim_models.quantization,
    dim_prompts.prompt_name,
    agg.model_id,
    agg.prompt_id,
    agg.population_id
