select
    choice_index,
    choice_text,
    human_share,
    llm_probability
from marts.fct_choice_probabilities
where
    model_id = $model_id
    and prompt_id = $prompt_id
    and population_id is not distinct from $population_id
    and country_id = $country_id
    and question_id = $question_id
order by choice_index
