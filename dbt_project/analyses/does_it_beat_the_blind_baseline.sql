{{ imports('agg_model_summary', 'agg_country_correlations', 'dim_models', 'dim_prompts') }}

compared as (

    select
        model_id,
        prompt_id,
        survey_id,
        count(*) filter (where pearson_r > blind_baseline_r) as countries_above_blind,
        count(*) filter (where skill > 0) as countries_with_skill
    from country_correlations
    where pearson_r is not null and blind_baseline_r is not null
    group by all

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        compared.survey_id,
        model_summary.blind_country_count as country_count,
        model_summary.mean_pearson_r,
        model_summary.mean_blind_baseline_r,
        model_summary.mean_r_above_blind as estimate,
        model_summary.r_above_blind_ci_low as ci_low,
        model_summary.r_above_blind_ci_high as ci_high,
        model_summary.r_above_blind_q_value as q_value,
        model_summary.random_r_above_blind,
        model_summary.random_place,
        model_summary.country_free_r_above_blind,
        case
            when not model_summary.is_order_controlled or q_value is null then null
            when q_value >= 0.05 then 'not distinguishable from the blind baseline'
            when model_summary.mean_r_above_blind > 0 then 'better than the blind baseline'
            else 'worse than the blind baseline'
        end as verdict,
        case
            when q_value is null then 'too few batteries, countries or draws for a test'
            when not model_summary.is_order_controlled then {{ one_order() }}
        end as verdict_null_reason,
        compared.countries_above_blind,
        model_summary.mean_skill,
        compared.countries_with_skill,
        model_summary.is_order_controlled
    from compared
    inner join model_summary
        on
            compared.model_id = model_summary.model_id
            and compared.prompt_id = model_summary.prompt_id
            and compared.survey_id = model_summary.survey_id
    inner join models on compared.model_id = models.model_id
    inner join prompts on compared.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    is_order_controlled desc,
    estimate desc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc
