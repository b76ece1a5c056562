with

steering as (

    select * from {{ ref('int_steering') }}

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_count,
        country_count,
        placebo_count,
        country_spread,
        placebo_spread,
        steering_ratio,
        p_value,
        null_reason
    from steering
    where question_id is null

)

select * from final
