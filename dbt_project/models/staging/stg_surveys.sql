with

surveys as (

    {{ instrument_table('surveys') }}

),

final as (

    select
        survey_id,
        survey_name,
        default_wave,
        citation,
        doi
    from surveys

)

select * from final
