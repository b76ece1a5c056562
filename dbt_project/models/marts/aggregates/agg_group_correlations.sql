with

found as (

    select * from {{ ref('int_group_agreement') }}

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        group_id,
        question_count,
        battery_count,
        pearson_r,
        pearson_r_standard_error,
        mean_total_variation,
        mean_total_variation_standard_error,
        mean_wasserstein_1,
        mean_wasserstein_1_standard_error,
        country_prompt_r,
        gain,
        gain_standard_error,
        null_reason,
        deviation_question_count,
        deviation_r,
        deviation_r_standard_error,
        deviation_null_reason
    from found

)

select * from final
