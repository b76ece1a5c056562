-- Files of the instrument refer to one another.
{{ fail_naming('keys_of_seeds', unknown_keys(
    [
        'categories', 'choice_labels', 'choices', 'citations', 'indicator_codes', 'model_metadata',
        'models', 'printed_figures', 'questions', 'sample_recodes', 'surveys', 'trend_items',
    ],
    {
        'survey_id': 'surveys',
        'question_id': 'questions',
        'category_id': 'categories',
        'country_id': 'countries',
        'indicator_id': 'indicators',
        'model_name': 'models',
        'doi': 'citations',
    },
)) }}
