with

summaries as (

    select * from {{ ref('agg_model_summary') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

final as (

    select
        prompts.prompt_name,
        summaries.survey_id,
        models.is_chat,
        models.corpus_kind,
        models.family as model_family,
        models.display_name,
        models.quantization,
        models.parameter_count,
        summaries.country_count,
        summaries.mean_pearson_r,
        summaries.mean_r_above_blind as estimate,
        summaries.r_above_blind_ci_low as ci_low,
        summaries.r_above_blind_ci_high as ci_high,
        cast(null as varchar) as verdict,
        'a family is one case, and families differ in much besides their corpus'
            as verdict_null_reason,
        summaries.is_order_controlled
    from summaries
    inner join models on summaries.model_id = models.model_id
    inner join prompts on summaries.prompt_id = prompts.prompt_id
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
