{{ by_design() }}

with

cells as (

    select compared.*
    from {{ ref('int_comparable_cells') }} as compared
    where {{ is_changed_design('compared') }}

),

listed as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        population_id,
        coding_id,
        source_fingerprint,
        count(*) as question_count,
        string_agg(question_id, ' ' order by question_id) as questions,
        count(*) filter (where is_common_question) as common_question_count,
        string_agg(question_id, ' ' order by question_id) filter (
            where is_common_question
        ) as common_questions
    from cells
    group by all

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        population_id,
        coding_id,
        question_count,
        md5(questions) as question_set_id,
        common_question_count,
        md5(common_questions) as common_question_set_id,
        source_fingerprint
    from listed

)

select * from final
