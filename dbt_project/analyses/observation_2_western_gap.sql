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
        western_gaps.west_r_above_blind,
        western_gaps.elsewhere_r_above_blind,
        western_gaps.western_gap as estimate,
        western_gaps.ci_low,
        western_gaps.ci_high,
        western_gaps.q_value,
        case
            when western_gaps.q_value is null then null
            when western_gaps.q_value >= 0.05 then 'no difference shown'
            when western_gaps.western_gap > 0 and western_gaps.west_r_above_blind < 0
                then 'less far behind the blind baseline in the West'
            when western_gaps.western_gap > 0 then 'closer in the West'
            when western_gaps.elsewhere_r_above_blind < 0
                then 'less far behind the blind baseline elsewhere'
            else 'closer elsewhere'
        end as verdict,
        case
            when western_gaps.q_value is not null then null
            when western_gaps.null_reason = 'no_western_country' then 'no Western country'
            when western_gaps.null_reason = 'no_other_country' then 'no country outside the West'
            when western_gaps.q_null_reason = 'too_few_countries'
                then 'too few countries on one side'
            when western_gaps.q_null_reason = 'too_few_batteries' then 'too few batteries'
            when western_gaps.q_null_reason = 'one_battery_dominates'
                then 'most of the questions are of one battery'
            else western_gaps.q_null_reason
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
