select
    prompt_name,
    template_text,
    template_id,
    coding_id,
    wording_set,
    language,
    translator,
    source,
    answer_style,
    choice_order,
    chat_mode,
    elicitation,
    is_derived,
    prompt_id
from marts.dim_prompts
order by prompt_name, prompt_id
