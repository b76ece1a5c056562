select
    choice_probabilities.model_id,
    choice_probabilities.prompt_id
from {{ ref('fct_choice_probabilities') }} as choice_probabilities
inner join {{ ref('dim_prompts') }} as prompts
    on choice_probabilities.prompt_id = prompts.prompt_id
where (choice_probabilities.log_likelihood is null) != prompts.is_derived
