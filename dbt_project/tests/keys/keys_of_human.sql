-- Tables of what people said refer to its dimensions.
{{ fail_naming('keys_of_human', unknown_keys(
    tables_with_keys('human'),
    {
        'question_id': 'dim_questions',
        'category_id': 'dim_categories',
        'population_id': 'dim_populations',
        'survey_id': 'dim_surveys',
    },
)) }}
