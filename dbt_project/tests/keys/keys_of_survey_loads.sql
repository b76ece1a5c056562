-- What was loaded belongs to a load and a survey.
{{ fail_naming('keys_of_survey_loads', unknown_keys(
    ['stg_categories', 'stg_human_marginals', 'stg_survey_fieldwork'],
    {
        'load_id': 'stg_survey_loads',
        'survey_id': 'stg_surveys',
    },
)) }}
