with

pairs as (

    select * from {{ ref('int_compared_pairs') }}

),

estimates as (

    select * from {{ ref('int_bootstrap_estimates') }}

),

deltas as (

    select
        pairs.comparison,
        estimates.*,
        case
            when estimates.area_kind = 'world'
                then concat_ws(
                    '/', pairs.comparison, 'world', estimates.measure, pairs.survey_id, pairs.prompt_id
                )
            else concat_ws(
                '/', pairs.comparison, estimates.area_kind, estimates.measure, pairs.survey_id,
                pairs.model_id, pairs.prompt_id, pairs.other_model_id, pairs.other_prompt_id
            )
        end as family
    from pairs
    inner join estimates
        on
            pairs.survey_id = estimates.survey_id
            and pairs.model_id = estimates.model_id
            and pairs.prompt_id = estimates.prompt_id
            and pairs.other_model_id = estimates.other_model_id
            and pairs.other_prompt_id = estimates.other_prompt_id

),

tested as (

    {{ with_q_values('deltas') }}

),

final as (

    select
        comparison,
        survey_id,
        model_id,
        prompt_id,
        other_model_id,
        other_prompt_id,
        area_kind,
        area_id,
        measure,
        model_estimate,
        other_estimate,
        estimate,
        ci_low,
        ci_high,
        standard_error,
        {{ smallest_detectable_delta('standard_error') }} as smallest_detectable_delta,
        p_value,
        q_value,
        case when p_value is not null then family end as family,
        case when p_value is not null then family_test_count end as family_test_count,
        q_null_reason,
        replicates_used,
        country_count,
        question_count,
        battery_count,
        interval_basis,
        interval_null_reason
    from tested

)

select * from final
