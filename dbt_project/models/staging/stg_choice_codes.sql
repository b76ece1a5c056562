with

choices as (

    {{ instrument_table('choices') }}

),

final as (

    select
        coding_id,
        question_id,
        cast(unnest(string_split(survey_codes, '|')) as integer) as code,
        choice_index,
        is_on_scale,
        is_dont_know
    from choices

)

select * from final
