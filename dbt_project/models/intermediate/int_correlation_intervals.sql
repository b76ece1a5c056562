with

estimates as (

    select * from {{ ref('int_agreement_estimates') }}

),

designs as (

    select
        *,
        case
            when area_kind in ('country', 'continent')
                then concat_ws('/', area_kind, measure, survey_id, model_id, prompt_id)
            else concat_ws('/', area_kind, area_id, measure, survey_id, prompt_id)
        end as family
    from estimates
    where other_model_id is null

),

tested as (

    {{ with_q_values('designs') }}

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        area_kind,
        area_id,
        measure,
        estimate,
        ci_low,
        ci_high,
        standard_error,
        p_value,
        q_value,
        case when p_value is not null then family end as family,
        case when p_value is not null then family_test_count end as family_test_count,
        q_null_reason,
        country_count,
        question_count,
        battery_count,
        interval_null_reason,
        rank,
        rank_low,
        rank_high,
        ranked_count,
        ranking_reliability,
        ranking_null_reason
    from tested

)

select * from final
