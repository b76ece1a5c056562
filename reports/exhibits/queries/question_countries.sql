with

ends as (

    select
        coding_id,
        question_id,
        arg_min(choice_text, choice_index) as first_choice,
        arg_max(choice_text, choice_index) as last_choice
    from marts.dim_choices
    where choice_index is not null
    group by all

),

final as (

    select
        scores.country_id,
        dim_countries.country_name,
        scores.question_id,
        dim_questions.short_label,
        scores.category_id,
        dim_categories.category_name,
        scores.llm_mean_score,
        scores.human_mean_score,
        scores.llm_mean_score - scores.human_mean_score as signed_error,
        ends.first_choice,
        ends.last_choice
    from marts.fct_mean_scores as scores
    inner join marts.dim_countries on scores.country_id = dim_countries.country_id
    inner join marts.dim_questions on scores.question_id = dim_questions.question_id
    inner join marts.dim_categories on scores.category_id = dim_categories.category_id
    inner join ends
        on scores.coding_id = ends.coding_id and scores.question_id = ends.question_id
    where
        scores.model_id = $model_id
        and scores.prompt_id = $prompt_id
        and scores.population_id is not distinct from $population_id
        and scores.question_id = $question_id
        and scores.llm_mean_score is not null
        and scores.human_mean_score is not null

)

select * from final
order by country_name
