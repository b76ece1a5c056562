with

western_gaps as (

    select * from {{ ref('agg_western_gap') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        western_gaps.survey_id,
        western_gaps.membership,
        western_gaps.west_country_count,
        western_gaps.elsewhere_country_count,
        western_gaps.pearson_r_gap,
        western_gaps.western_gap,
        western_gaps.random_gap,
        western_gaps.random_gap_low,
        western_gaps.random_gap_high,
        western_gaps.random_place,
        western_gaps.country_free_gap,
        western_gaps.demeaned_gap as estimate,
        western_gaps.demeaned_ci_low as ci_low,
        western_gaps.demeaned_ci_high as ci_high,
        western_gaps.demeaned_q_value as q_value,
        case
            when not western_gaps.is_order_controlled or q_value is null then null
            when q_value >= 0.05 then 'no difference shown'
            when western_gaps.demeaned_gap > 0 then 'closer in the West'
            else 'closer elsewhere'
        end as verdict,
        case
            when q_value is not null and western_gaps.is_order_controlled then null
            when q_value is not null then {{ one_order() }}
            when western_gaps.null_reason = 'no_western_country' then 'no Western country'
            when western_gaps.null_reason = 'no_other_country' then 'no country outside the West'
            when western_gaps.demeaned_q_null_reason = 'no_gap' then 'no demeaned r on one side'
            when western_gaps.demeaned_q_null_reason = 'too_few_countries'
                then 'too few countries on one side'
            when western_gaps.demeaned_q_null_reason = 'too_few_batteries' then 'too few batteries'
            when western_gaps.demeaned_q_null_reason = 'one_battery_dominates'
                then 'most of the questions are of one battery'
            else western_gaps.demeaned_q_null_reason
        end as verdict_null_reason,
        western_gaps.is_order_controlled
    from western_gaps
    inner join models on western_gaps.model_id = models.model_id
    inner join prompts on western_gaps.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    is_order_controlled desc,
    prompt_name asc,
    survey_id asc,
    membership asc
