-- Tables of the map refer to dimensions.
{{ fail_naming('keys_of_map', unknown_keys(
    tables_with_keys('map'),
    {
        'model_id': 'dim_models',
        'prompt_id': 'dim_prompts',
        'question_id': 'dim_questions',
        'category_id': 'dim_categories',
        'population_id': 'dim_populations',
        'survey_id': 'dim_surveys',
    },
)) }}
