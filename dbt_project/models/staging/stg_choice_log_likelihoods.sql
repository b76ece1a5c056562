with

shards as (

    select * from {{ source('landing', 'choice_log_likelihoods') }}

),

scored_cells as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        numerics_id,
        text_sha256,
        run_id,
        max(scored_at) as last_scored_at
    from shards
    group by all

),

-- Newest first; whole cells only, because choices of two texts or two numerics do not compare.
preferred_cells as (

    select
        *,
        count(*) over (
            partition by model_id, prompt_id, question_id, country_id
        ) - 1 as superseded_cells
    from scored_cells
    qualify
        row_number() over (
            partition by model_id, prompt_id, question_id, country_id
            order by last_scored_at desc, run_id desc, numerics_id desc, text_sha256 desc
        ) = 1

),

-- A compaction that was stopped between its rename and its deletes leaves rows twice.
distinct_rows as (

    select
        shards.*,
        preferred_cells.superseded_cells
    from shards
    inner join preferred_cells
        on
            shards.model_id = preferred_cells.model_id
            and shards.prompt_id = preferred_cells.prompt_id
            and shards.question_id = preferred_cells.question_id
            and shards.country_id = preferred_cells.country_id
            and shards.numerics_id = preferred_cells.numerics_id
            and shards.text_sha256 = preferred_cells.text_sha256
            and shards.run_id = preferred_cells.run_id
    qualify
        row_number() over (
            partition by
                shards.model_id,
                shards.prompt_id,
                shards.question_id,
                shards.country_id,
                shards.choice_index
            order by shards.scored_at desc
        ) = 1

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
        text_sha256,
        choice_position,
        choice_label,
        choice_text,
        prompt_text,
        answer_text,
        log_likelihood,
        coalesce(
            label_log_likelihood,
            case
                when label_token_count > 0
                    then list_sum(token_log_likelihoods[1:label_token_count])
            end
        ) as label_log_likelihood,
        token_count,
        byte_count,
        off_choice_mass,
        boundary_merged,
        scored_at,
        superseded_cells
    from distinct_rows

)

select * from final
