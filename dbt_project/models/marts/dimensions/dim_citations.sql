with

citations as (

    select * from {{ ref('citations') }}

),

surveys as (

    select * from {{ ref('stg_surveys') }}

),

editions as (

    select
        citation_id,
        survey_id,
        edition,
        replace(authors, ' and ', '; ') || ' (eds.) (' || year || '). ' || title
        || '. Dataset version ' || version || '. ' || address || ': ' || publisher
        || '. doi:' || doi as citation,
        '@misc{' || citation_id || ',' || chr(10)
        || '  editor = {' || authors || '},' || chr(10)
        || '  title = {' || title || '},' || chr(10)
        || '  year = {' || year || '},' || chr(10)
        || '  publisher = {' || publisher || '},' || chr(10)
        || '  address = {' || address || '},' || chr(10)
        || '  version = {' || version || '},' || chr(10)
        || '  doi = {' || doi || '}' || chr(10)
        || '}' as bibtex
    from citations

),

-- A user's own survey is cited in the words of its files.
other_surveys as (

    select
        surveys.survey_id as citation_id,
        surveys.survey_id,
        cast(null as varchar) as edition,
        surveys.citation,
        '@misc{' || surveys.survey_id || ',' || chr(10)
        || '  title = {' || surveys.survey_name || '},' || chr(10)
        || '  note = {' || surveys.citation || '}'
        || coalesce(',' || chr(10) || '  doi = {' || surveys.doi || '}', '') || chr(10)
        || '}' as bibtex
    from surveys
    left outer join citations on surveys.survey_id = citations.survey_id
    where citations.survey_id is null

),

final as (

    select * from editions
    union all
    select * from other_surveys

)

select * from final
