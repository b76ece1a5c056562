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
        doi,
        publication_year,
        coalesce(question_survey_id, survey_id) as question_survey_id
    from surveys

)

select * from final
