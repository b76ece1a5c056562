with

components as (

    select * from {{ ref('int_variance_components') }}

),

final as (

    select
        model_id,
        survey_id,
        component,
        coding_id,
        design_count,
        crossed_design_count,
        question_count,
        country_count,
        level_count,
        degrees_of_freedom,
        sum_of_squares,
        share_of_total,
        variance,
        share_of_variance,
        null_reason
    from components

)

select * from final
