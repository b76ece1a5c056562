with

asked as (

    select * from {{ ref('int_asked_distributions') }}

),

averaged as (

    select * from {{ ref('int_averaged_distributions') }}

),

together as (

    select * from asked
    union all by name
    select * from averaged

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
        choice_position,
        choice_label,
        choice_text,
        choice_score,
        choice_count,
        log_likelihood,
        label_log_likelihood,
        token_count,
        byte_count,
        llm_probability,
        human_share,
        off_choice_mass,
        boundary_merged,
        draws,
        superseded_cells,
        noise_sensitivity,
        llm_standard_error,
        is_whole,
        source_fingerprint
    from together

)

select * from final
