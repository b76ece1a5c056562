with

choices as (

    select * from {{ ref('stg_choices') }}

),

choice_codes as (

    select * from {{ ref('stg_choice_codes') }}

),

codes as (

    select
        coding_id,
        question_id,
        choice_index,
        string_agg(code, '|' order by code) as survey_codes
    from choice_codes
    where is_on_scale
    group by all

),

final as (

    select
        choices.coding_id,
        choices.question_id,
        choices.choice_index,
        choices.choice_text,
        choices.choice_score,
        choices.choice_count,
        codes.survey_codes,
        choices.is_dont_know
    from choices
    inner join codes
        on
            choices.coding_id = codes.coding_id
            and choices.question_id = codes.question_id
            and choices.choice_index = codes.choice_index

)

select * from final
