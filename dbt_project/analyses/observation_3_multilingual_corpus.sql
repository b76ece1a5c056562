with

corpora as (

    select * from {{ ref('cmp_corpus') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

final as (

    select
        prompts.prompt_name,
        corpora.survey_id,
        corpora.corpus_kind,
        corpora.group_kind,
        corpora.model_family,
        corpora.is_chat,
        corpora.family_count,
        corpora.model_count,
        corpora.smallest_parameter_count,
        corpora.largest_parameter_count,
        corpora.mean_pearson_r,
        corpora.mean_r_above_blind as estimate,
        corpora.mean_demeaned_pearson_r,
        cast(null as varchar) as verdict,
        'a family is one case, and families differ in much besides their corpus'
            as verdict_null_reason,
        corpora.is_order_controlled
    from corpora
    inner join prompts on corpora.prompt_id = prompts.prompt_id

)

select * from final
order by
    prompt_name asc,
    survey_id asc,
    is_chat asc,
    corpus_kind asc,
    group_kind asc,
    model_family asc nulls first
