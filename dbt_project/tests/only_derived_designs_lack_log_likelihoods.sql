select
    choice_probabilities.model_id,
    choice_probabilities.prompt_id
from {{ ref('fct_choice_probabilities') }} as choice_probabilities
inner join {{ ref('dim_prompts') }} as prompts
    on choice_probabilities.prompt_id = prompts.prompt_id
where
    (choice_probabilities.log_likelihood is null) != prompts.is_derived
    -- A probability of 0 has none, and neither have counts of which all are outside the choices.
    and (prompts.elicitation = 'likelihood' or choice_probabilities.llm_probability > 0)
