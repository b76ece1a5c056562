with

pairs as (

    select * from {{ ref('int_compared_pairs') }}

),

estimates as (

    select * from {{ ref('int_agreement_estimates') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

deltas as (

    select
        pairs.comparison,
        pairs.is_next_size,
        pairs.is_largest_with_smallest,
        estimates.*,
        concat_ws(
            '/',
            pairs.comparison,
            estimates.area_kind,
            estimates.measure,
            pairs.survey_id,
            pairs.prompt_id,
            if(estimates.area_kind != 'world', pairs.model_id, null),
            if(estimates.area_kind != 'world', pairs.other_model_id, null),
            if(estimates.area_kind != 'world', pairs.other_prompt_id, null)
        ) as family
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

explained as (

    select
        tested.*,
        prompts.is_order_controlled,
        case
            when tested.q_null_reason is not null then tested.q_null_reason
            when not prompts.is_order_controlled then 'order_not_controlled'
            when
                tested.comparison != 'quantization'
                and coalesce(models.quantization, '') != coalesce(other_models.quantization, '')
                then 'different_quantization'
        end as verdict_null_reason
    from tested
    inner join models on tested.model_id = models.model_id
    inner join models as other_models on tested.other_model_id = other_models.model_id
    inner join prompts on tested.prompt_id = prompts.prompt_id

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
        is_next_size,
        is_largest_with_smallest,
        is_order_controlled,
        model_estimate,
        other_estimate,
        estimate,
        ci_low,
        ci_high,
        standard_error,
        smallest_detectable_delta,
        p_value,
        q_value,
        case when p_value is not null then family end as family,
        case when p_value is not null then family_test_count end as family_test_count,
        q_null_reason,
        case
            when verdict_null_reason is not null then null
            when q_value >= 0.05 then 'not distinguishable'
            when estimate > 0 then 'higher'
            else 'lower'
        end as verdict,
        verdict_null_reason,
        country_count,
        question_count,
        battery_count,
        interval_null_reason
    from explained

)

select * from final
