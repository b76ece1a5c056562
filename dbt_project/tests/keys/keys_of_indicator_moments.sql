-- Sums of indicators belong to a load and to indicators.
{{ fail_naming('keys_of_indicator_moments', unknown_keys(
    ['stg_indicator_moments'],
    {
        'load_id': 'stg_survey_loads',
        'indicator_id': 'indicators',
    },
)) }}
