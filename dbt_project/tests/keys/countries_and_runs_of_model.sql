-- What users bring: countries that the seeds do not know, runs that did not land.
{{ config(severity='warn') }}
{{ warn_naming(unknown_keys(
    tables_with_keys('model'),
    {
        'country_id': 'dim_countries',
        'run_id': 'dim_runs',
    },
)) }}
