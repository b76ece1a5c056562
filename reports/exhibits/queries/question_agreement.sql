select
    agg.question_id,
    dim_questions.short_label,
    dim_categories.category_name,
    agg.pearson_r,
    agg.mean_error,
    agg.mean_absolute_error,
    agg.llm_standard_deviation,
    agg.human_standard_deviation,
    agg.country_count,
    agg.null_reason
from marts.agg_question_correlations as agg
inner join marts.dim_questions on agg.question_id = dim_questions.question_id
inner join marts.dim_categories on agg.category_id = dim_categories.category_id
where
    agg.model_id = $model_id
    and agg.prompt_id = $prompt_id
    and agg.population_id is not distinct from $population_id
order by agg.pearson_r desc nulls last, dim_questions.question_order, agg.question_id
