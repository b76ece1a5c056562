with

choices as (

    {{ instrument_table('choices') }}

),

counted as (

    select
        coding_id,
        question_id,
        choice_index,
        choice_text,
        is_dont_know,
        count(*) over (partition by coding_id, question_id) as choice_count,
        bool_or(is_dont_know) over (partition by coding_id, question_id) as needs_dont_know_codes
    from choices
    where is_on_scale

),

final as (

    select
        coding_id,
        question_id,
        choice_index,
        choice_text,
        is_dont_know,
        needs_dont_know_codes,
        choice_count,
        -1 + 2 * (choice_index - 1) / (choice_count - 1) as choice_score
    from counted

)

select * from final
