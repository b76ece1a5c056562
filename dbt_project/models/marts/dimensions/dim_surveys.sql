with

surveys as (

    select * from {{ ref('stg_surveys') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

question_counts as (

    select
        survey_id,
        count(*) as question_count
    from questions
    group by all

),

final as (

    select
        surveys.survey_id,
        surveys.survey_name,
        surveys.default_wave,
        surveys.citation,
        surveys.doi,
        surveys.publication_year,
        coalesce(question_counts.question_count, 0) as question_count
    from surveys
    left outer join question_counts on surveys.survey_id = question_counts.survey_id

)

select * from final
