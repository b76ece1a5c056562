{{ by_design() }}

with

distributions as (

    select * from {{ ref('int_choice_distributions') }}

),

final as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        choice_index,
        survey_id,
        population_id,
        coding_id,
        question_selection,
        run_id,
        numerics_id,
        choice_text,
        choice_label,
        choice_position,
        log_likelihood,
        llm_probability,
        human_share,
        choice_score,
        token_count,
        byte_count,
        source_fingerprint
    from distributions
    where {{ is_changed_design('distributions') }}

)

select * from final
