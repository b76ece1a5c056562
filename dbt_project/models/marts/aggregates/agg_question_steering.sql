with

of_questions as (

    select
        *,
        model_id || ' ' || prompt_id || ' ' || survey_id as family,
        null_reason as interval_null_reason
    from {{ ref('int_steering') }}
    where question_id is not null

),

tested as (

    {{ with_q_values('of_questions') }}

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_id,
        country_count,
        placebo_count,
        country_spread,
        placebo_spread,
        steering_ratio,
        p_value,
        q_value,
        family_test_count,
        null_reason
    from tested

)

select * from final
