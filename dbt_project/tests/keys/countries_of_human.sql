-- What users bring: countries that the seeds do not know.
{{ config(severity='warn') }}
{{ warn_naming(unknown_keys(
    tables_with_keys('human'),
    {
        'country_id': 'dim_countries',
    },
)) }}
