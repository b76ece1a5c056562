-- The one place where groups and invented countries leave the way to the marts about countries.
with

answers as (

    select * from {{ ref('stg_subject_log_likelihoods') }}

),

final as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        choice_index,
        coding_id,
        run_id,
        numerics_id,
        choice_position,
        choice_label,
        choice_text,
        prompt_text,
        answer_text,
        text_sha256,
        log_likelihood,
        label_log_likelihood,
        token_count,
        byte_count,
        off_choice_mass,
        boundary_merged,
        scored_at,
        draws,
        stated_sum,
        superseded_cells,
        source_fingerprint
    from answers
    where
        group_id is null
        and placebo_id is null

)

select * from final
