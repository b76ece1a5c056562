with

model_correlations as (

    select * from {{ ref('agg_model_correlations') }}

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
        model_correlations.survey_id,
        models.is_chat,
        models.corpus_kind,
        models.family as model_family,
        models.display_name,
        models.quantization,
        models.parameter_count,
        model_correlations.country_count,
        model_correlations.pearson_r,
        model_correlations.r_above_blind as estimate,
        model_correlations.r_above_blind_ci_low as ci_low,
        model_correlations.r_above_blind_ci_high as ci_high,
        cast(null as varchar) as verdict,
        'a family is one case, and families differ in much besides their corpus'
            as verdict_null_reason,
        model_correlations.is_order_controlled
    from model_correlations
    inner join models on model_correlations.model_id = models.model_id
    inner join prompts on model_correlations.prompt_id = prompts.prompt_id
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
