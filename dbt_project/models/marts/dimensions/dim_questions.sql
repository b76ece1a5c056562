with

questions as (

    select * from {{ ref('stg_questions') }}

),

choice_codes as (

    select * from {{ ref('stg_choice_codes') }}

),

outside_codes as (

    select
        question_id,
        string_agg(code, '|' order by code) as outside_scale_codes
    from choice_codes
    where coding_id = 'native' and not is_on_scale
    group by all

),

final as (

    select
        questions.question_id,
        questions.survey_id,
        questions.question_order,
        questions.category_id,
        questions.battery_id,
        questions.short_label,
        questions.wording,
        questions.scale_kind,
        questions.polarity,
        questions.pole,
        questions.in_paper_set,
        questions.paper_set_confidence,
        questions.correct_choice_index,
        questions.caution,
        outside_codes.outside_scale_codes,
        questions.is_selected,
        questions.unscaled_reason
    from questions
    left outer join outside_codes on questions.question_id = outside_codes.question_id

)

select * from final
