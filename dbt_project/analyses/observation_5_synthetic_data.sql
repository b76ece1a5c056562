{{ imports('agg_model_summary', 'dim_models', 'dim_prompts') }}

final as (

    select
        prompts.prompt_name,
        model_summary.survey_id,
        models.is_chat,
        models.corpus_kind,
        models.family as model_family,
        models.display_name,
        models.quantization,
        models.parameter_count,
        model_summary.country_count,
        model_summary.mean_pearson_r,
        model_summary.mean_r_above_blind as estimate,
        model_summary.r_above_blind_ci_low as ci_low,
        model_summary.r_above_blind_ci_high as ci_high,
        cast(null as varchar) as verdict,
        'a family is one case, and families differ in much besides their corpus'
            as verdict_null_reason,
        model_summary.is_order_controlled
    from model_summary
    inner join models on model_summary.model_id = models.model_id
    inner join prompts on model_summary.prompt_id = prompts.prompt_id
    where models.size_group = 'small' and models.corpus_kind is not null

)

select * from final
order by
    prompt_name asc,
    survey_id asc,
    is_chat asc,
    corpus_kind asc,
    estimate desc nulls last,
    display_name asc,
    quantization asc
