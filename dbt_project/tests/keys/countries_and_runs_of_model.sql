-- What users bring: countries that the seeds do not know, runs that did not land.
{{ config(severity='warn') }}
select broken
from (
{{ unknown_keys(
    tables_with_keys('model'),
    {
        'country_id': 'dim_countries',
        'run_id': 'dim_runs',
    },
) }}
)
where broken.row_count > 0
