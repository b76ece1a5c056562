with

fieldwork as (

    select * from {{ source('raw', 'survey_fieldwork') }}

),

final as (

    select
        load_id,
        wave,
        country_id,
        first_year,
        last_year,
        mode,
        release,
        doi
    from fieldwork

)

select * from final
