with

found as (

    select * from {{ ref('int_group_differences') }}

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        division_id,
        group_count,
        country_count,
        question_count,
        cell_count,
        deviation_r,
        deviation_r_standard_error,
        deviation_r_ci_low,
        deviation_r_ci_high,
        shuffled_p_value,
        null_reason,
        llm_spread,
        human_spread,
        stereotyping,
        stereotyping_standard_error,
        stereotyping_ci_low,
        stereotyping_ci_high,
        stereotyping_null_reason
    from found

)

select * from final
