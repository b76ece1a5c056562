select
    answers.choice_index,
    dim_choices.choice_text,
    answers.human_share,
    answers.llm_probability
from marts.fct_choice_probabilities as answers
inner join marts.dim_choices
    on
        answers.coding_id = dim_choices.coding_id
        and answers.question_id = dim_choices.question_id
        and answers.choice_index = dim_choices.choice_index
where
    answers.model_id = $model_id
    and answers.prompt_id = $prompt_id
    and answers.population_id is not distinct from $population_id
    and answers.country_id = $country_id
    and answers.question_id = $question_id
order by answers.choice_index
