-- What users bring: countries that the seeds do not know.
{{ config(severity='warn') }}
select broken
from (
{{ unknown_keys(
    tables_with_keys('map'),
    {
        'country_id': 'dim_countries',
    },
) }}
)
where broken.row_count > 0
