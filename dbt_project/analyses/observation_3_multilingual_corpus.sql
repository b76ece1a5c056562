{{ imports('cmp_corpus', 'dim_prompts') }}

final as (

    select
        prompts.prompt_name,
        corpus.survey_id,
        corpus.corpus_kind,
        corpus.group_kind,
        corpus.model_family,
        corpus.is_chat,
        corpus.family_count,
        corpus.model_count,
        corpus.smallest_parameter_count,
        corpus.largest_parameter_count,
        corpus.mean_pearson_r,
        corpus.mean_r_above_blind as estimate,
        corpus.mean_demeaned_pearson_r,
        cast(null as varchar) as verdict,
        'a family is one case, and families differ in much besides their corpus'
            as verdict_null_reason,
        corpus.is_order_controlled
    from corpus
    inner join prompts on corpus.prompt_id = prompts.prompt_id

)

select * from final
order by
    prompt_name asc,
    survey_id asc,
    is_chat asc,
    corpus_kind asc,
    group_kind asc,
    model_family asc nulls first
