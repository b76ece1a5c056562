{{ named_deltas(
    ['base_chat_weights', 'base_chat_template', 'base_chat_total'],
    ['deltas.comparison', 'deltas.other_prompt_id', 'other_prompts.chat_mode as other_chat_mode'],
) }}
