-- Models and prompts. Apart, because a build of this part alone has both.
{{ fail_naming('keys_of_comparisons', unknown_keys(
    tables_with_keys('comparisons'),
    {
        'model_id': 'dim_models',
        'prompt_id': 'dim_prompts',
    },
)) }}
