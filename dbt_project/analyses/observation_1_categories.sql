with

category_correlations as (

    select * from {{ ref('agg_category_correlations') }}

),

categories as (

    select * from {{ ref('dim_categories') }}

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
        category_correlations.survey_id,
        categories.category_name,
        category_correlations.category_rank,
        category_correlations.question_count,
        category_correlations.battery_count,
        category_correlations.rho0_above_blind as estimate,
        category_correlations.rho0_above_blind_ci_low as ci_low,
        category_correlations.rho0_above_blind_ci_high as ci_high,
        category_correlations.rho0_above_blind_q_value as q_value,
        case
            when q_value is null then null
            when q_value >= 0.05 then 'not told from the blind baseline'
            when estimate > 0 then 'closer than the blind baseline'
            else 'less close than the blind baseline'
        end as verdict,
        case category_correlations.interval_null_reason
            when 'too_few_batteries' then 'the category has too few batteries for an interval'
            when 'one_battery_dominates' then 'most of its questions are of one battery'
            when 'question_without_other_countries' then 'no other country to compare with'
            when 'no_variance' then 'model or people always score 0'
        end as verdict_null_reason,
        prompts.is_order_controlled
    from category_correlations
    inner join categories on category_correlations.category_id = categories.category_id
    inner join models on category_correlations.model_id = models.model_id
    inner join prompts on category_correlations.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    is_order_controlled desc,
    prompt_name asc,
    survey_id asc,
    category_rank asc nulls last,
    category_name asc
