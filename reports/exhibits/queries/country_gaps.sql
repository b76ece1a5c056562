select
    scores.country_id,
    dim_countries.country_name,
    scores.question_id,
    dim_questions.short_label,
    scores.category_id,
    dim_categories.category_name,
    scores.llm_mean_score,
    scores.human_mean_score
from marts.fct_mean_scores as scores
inner join marts.dim_countries on scores.country_id = dim_countries.country_id
inner join marts.dim_questions on scores.question_id = dim_questions.question_id
inner join marts.dim_categories on scores.category_id = dim_categories.category_id
where
    scores.model_id = $model_id
    and scores.prompt_id = $prompt_id
    and scores.population_id is not distinct from $population_id
    and scores.country_id = $country_id
    and ($category_id = 'all' or scores.category_id = $category_id)
    and scores.llm_mean_score is not null
    and scores.human_mean_score is not null
order by dim_questions.question_order, scores.question_id
