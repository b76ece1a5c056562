with

loads as (

    select * from {{ ref('stg_survey_loads') }}

),

fieldwork as (

    select * from {{ ref('stg_survey_fieldwork') }}

),

answers as (

    select * from {{ ref('int_human_answers') }}

),

-- Only what the population's figures rest on: of overlapping loads the preferred one.
used_loads as (

    select
        population_id,
        load_id,
        country_id,
        wave,
        count(distinct question_id) as question_count
    from answers
    group by all

),

final as (

    select
        used_loads.population_id,
        used_loads.country_id,
        used_loads.wave,
        used_loads.load_id,
        used_loads.question_count,
        fieldwork.first_year,
        fieldwork.last_year,
        fieldwork.mode,
        fieldwork.release,
        fieldwork.doi,
        loads.file_name,
        loads.file_sha256
    from used_loads
    inner join loads on used_loads.load_id = loads.load_id
    left outer join fieldwork
        on
            used_loads.load_id = fieldwork.load_id
            and used_loads.country_id = fieldwork.country_id
            and used_loads.wave = fieldwork.wave

)

select * from final
