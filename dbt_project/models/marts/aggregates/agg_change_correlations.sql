with

found as (

    select * from {{ ref('int_change_correlations') }}

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        earlier_year,
        later_year,
        country_count,
        question_count,
        battery_count,
        cell_count,
        change_r,
        change_r_ci_low,
        change_r_ci_high,
        change_r_p_value,
        null_reason,
        demeaned_change_r,
        demeaned_change_r_ci_low,
        demeaned_change_r_ci_high,
        demeaned_change_r_p_value,
        demeaned_null_reason,
        clear_cell_count,
        right_sign_share,
        llm_change_size,
        human_change_size
    from found

)

select * from final
