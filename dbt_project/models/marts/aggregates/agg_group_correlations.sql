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
        pearson_r_ci_low,
        pearson_r_ci_high,
        mean_total_variation,
        mean_total_variation_standard_error,
        mean_total_variation_ci_low,
        mean_total_variation_ci_high,
        mean_wasserstein_1,
        mean_wasserstein_1_standard_error,
        mean_wasserstein_1_ci_low,
        mean_wasserstein_1_ci_high,
        country_prompt_r,
        gain,
        gain_standard_error,
        gain_ci_low,
        gain_ci_high,
        null_reason,
        deviation_question_count,
        deviation_r,
        deviation_r_standard_error,
        deviation_r_ci_low,
        deviation_r_ci_high,
        deviation_null_reason
    from found

)

select * from final
