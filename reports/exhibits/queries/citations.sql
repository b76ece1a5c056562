select
    dim_surveys.survey_name,
    dim_citations.edition,
    dim_citations.citation,
    dim_citations.bibtex
from marts.dim_citations
inner join marts.dim_surveys on dim_citations.survey_id = dim_surveys.survey_id
where exists (
    select 1
    from marts.dim_populations
    where
        dim_populations.survey_id = dim_citations.survey_id
        and dim_populations.is_reference
)
order by dim_surveys.survey_name, dim_citations.citation_id
