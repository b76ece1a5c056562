{{ by_design('stg_landed_designs') }}

-- Read again where it is needed: kept in memory, the texts of all choices fill it many times over.
with

shards as not materialized (

    select * from {{ source('landing', 'choice_log_likelihoods') }}

),

designs as (

    select * from {{ ref('stg_landed_designs') }}

),

runs as (

    select * from {{ ref('stg_runs') }}

),

landed as not materialized (

    select
        shards.*,
        designs.has_repeated_choices,
        designs.source_fingerprint
    from shards
    inner join designs
        on
            shards.model_id = designs.model_id
            and shards.prompt_id = designs.prompt_id
    where {{ is_changed_design('designs') }}

),

repeated_cells as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        group_id,
        placebo_id,
        numerics_id,
        text_sha256,
        run_id,
        max(scored_at) as last_scored_at
    from landed
    where has_repeated_choices
    group by all

),

dated_cells as (

    select
        *,
        max(last_scored_at) over (
            partition by
                model_id, prompt_id, question_id, country_id, group_id, placebo_id, text_sha256
        ) as text_last_scored_at
    from repeated_cells

),

-- Whole cells only, because choices of two texts or two numerics do not compare. The newest text
-- first, because it is what the instrument asks now; then the numerics that round least.
preferred_cells as (

    select
        dated_cells.*,
        count(*) over (
            partition by
                dated_cells.model_id,
                dated_cells.prompt_id,
                dated_cells.question_id,
                dated_cells.country_id,
                dated_cells.group_id,
                dated_cells.placebo_id
        ) - 1 as superseded_cells
    from dated_cells
    left outer join runs on dated_cells.run_id = runs.run_id
    qualify
        row_number() over (
            partition by
                dated_cells.model_id,
                dated_cells.prompt_id,
                dated_cells.question_id,
                dated_cells.country_id,
                dated_cells.group_id,
                dated_cells.placebo_id
            order by
                dated_cells.text_last_scored_at desc,
                dated_cells.text_sha256 asc,
                {{ rounding_rank('runs') }} asc,
                dated_cells.last_scored_at desc,
                dated_cells.run_id desc,
                dated_cells.numerics_id desc
        ) = 1

),

-- A compaction that was stopped between its rename and its deletes leaves rows twice.
chosen as (

    select
        landed.*,
        preferred_cells.superseded_cells
    from landed
    inner join preferred_cells
        on
            landed.model_id = preferred_cells.model_id
            and landed.prompt_id = preferred_cells.prompt_id
            and landed.question_id = preferred_cells.question_id
            and landed.country_id = preferred_cells.country_id
            and landed.group_id is not distinct from preferred_cells.group_id
            and landed.placebo_id is not distinct from preferred_cells.placebo_id
            and landed.numerics_id = preferred_cells.numerics_id
            and landed.text_sha256 = preferred_cells.text_sha256
            and landed.run_id = preferred_cells.run_id
    where landed.has_repeated_choices
    qualify
        row_number() over (
            partition by
                landed.model_id,
                landed.prompt_id,
                landed.question_id,
                landed.country_id,
                landed.group_id,
                landed.placebo_id,
                landed.choice_index
            order by landed.scored_at desc
        ) = 1

),

distinct_rows as (

    select
        *,
        0 as superseded_cells
    from landed
    where not has_repeated_choices
    union all
    select * from chosen

),

final as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        group_id,
        placebo_id,
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
        -- A probability of 0 has no logarithm.
        case when isfinite(log_likelihood) then log_likelihood end as log_likelihood,
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
        draws,
        stated_sum,
        superseded_cells,
        source_fingerprint
    from distinct_rows

)

select * from final
