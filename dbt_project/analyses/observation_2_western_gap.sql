{{ imports('agg_western_gap', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        western_gap.survey_id,
        western_gap.membership,
        western_gap.west_country_count,
        western_gap.elsewhere_country_count,
        western_gap.pearson_r_gap,
        western_gap.western_gap,
        western_gap.random_gap,
        western_gap.random_gap_low,
        western_gap.random_gap_high,
        western_gap.random_place,
        western_gap.country_free_gap,
        western_gap.demeaned_gap as estimate,
        western_gap.demeaned_ci_low as ci_low,
        western_gap.demeaned_ci_high as ci_high,
        western_gap.demeaned_q_value as q_value,
        case
            when not western_gap.is_order_controlled or q_value is null then null
            when q_value >= 0.05 then 'no difference shown'
            when western_gap.demeaned_gap > 0 then 'closer in the West'
            else 'closer elsewhere'
        end as verdict,
        case
            when q_value is not null and western_gap.is_order_controlled then null
            when q_value is not null then {{ one_order() }}
            when western_gap.null_reason = 'no_western_country' then 'no Western country'
            when western_gap.null_reason = 'no_other_country' then 'no country outside the West'
            when western_gap.demeaned_q_null_reason = 'no_gap' then 'no demeaned r on one side'
            when western_gap.demeaned_q_null_reason = 'too_few_countries'
                then 'too few countries on one side'
            when western_gap.demeaned_q_null_reason = 'too_few_batteries' then 'too few batteries'
            when western_gap.demeaned_q_null_reason = 'one_battery_dominates'
                then 'most of the questions are of one battery'
            else western_gap.demeaned_q_null_reason
        end as verdict_null_reason,
        western_gap.is_order_controlled
    from western_gap
    inner join models on western_gap.model_id = models.model_id
    inner join prompts on western_gap.prompt_id = prompts.prompt_id
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
