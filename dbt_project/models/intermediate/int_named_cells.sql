with

invented as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_id,
        placebo_id as subject_name,
        false as is_real,
        llm_mean_score,
        source_fingerprint
    from {{ ref('int_subject_mean_scores') }}
    where
        placebo_id is not null
        and llm_mean_score is not null

),

real as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_id,
        country_id as subject_name,
        true as is_real,
        llm_mean_score,
        source_fingerprint
    from {{ ref('fct_mean_scores') }}
    where
        country_id != 'ZZZ'
        and llm_mean_score is not null

),

asked_more as (

    select distinct
        model_id,
        prompt_id
    from invented

),

final as (

    select * from invented
    union all
    select real.*
    from real
    inner join asked_more
        on
            real.model_id = asked_more.model_id
            and real.prompt_id = asked_more.prompt_id

)

select * from final
