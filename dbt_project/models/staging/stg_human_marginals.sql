with

marginals as (

    select * from {{ source('raw', 'human_marginals') }}

),

final as (

    select
        load_id,
        survey_id,
        wave,
        country_id,
        question_id,
        code,
        respondents,
        sum_of_weights,
        sum_of_squared_weights
    from marginals

)

select * from final
