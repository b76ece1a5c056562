-- Dimensions of what people said.
{{ fail_naming('keys_of_model_in_human', unknown_keys(
    tables_with_keys('model'),
    {
        'question_id': 'dim_questions',
        'category_id': 'dim_categories',
        'population_id': 'dim_populations',
        'survey_id': 'dim_surveys',
    },
)) }}
