select
    dim_populations.population_id,
    dim_fieldwork.wave,
    dim_fieldwork.file_name,
    dim_fieldwork.file_sha256,
    dim_fieldwork.release,
    dim_fieldwork.doi,
    count(distinct dim_fieldwork.country_id) as country_count,
    min(dim_fieldwork.first_year) as first_year,
    max(dim_fieldwork.last_year) as last_year
from marts.dim_fieldwork
inner join marts.dim_populations
    on dim_fieldwork.population_id = dim_populations.population_id
where dim_populations.is_reference
group by all
order by
    dim_populations.population_id,
    dim_fieldwork.wave,
    dim_fieldwork.file_name,
    dim_fieldwork.file_sha256,
    dim_fieldwork.release,
    dim_fieldwork.doi
