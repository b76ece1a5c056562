with

shards as (

    select * from {{ source('landing', 'choice_log_likelihoods') }}

),

scored as (

    select * from {{ ref('stg_choice_log_likelihoods') }}

),

runs as (

    select * from {{ ref('stg_runs') }}

),

landed_designs as (

    select * from {{ ref('stg_landed_designs') }}

),

designs as (

    select * from {{ ref('int_design_fingerprints') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

scored_runs as (

    select distinct
        model_id,
        prompt_id,
        run_id,
        numerics_id
    from scored

),

path_differences as (

    select
        scored_runs.model_id,
        scored_runs.prompt_id,
        max(runs.path_difference) as path_difference
    from scored_runs
    left outer join runs on scored_runs.run_id = runs.run_id
    group by all

),

-- Numerics that differ in path, batches, device or engine only. Others round more or less, and what
-- is between them says nothing about the one that rounds less.
numerics as (

    select
        numerics_id,
        min({
            'compute_type': compute_type,
            'kv_cache_type': kv_cache_type,
            'flash_attention': flash_attention
        }) as rounding
    from runs
    group by all

),

-- Few designs are ever scored twice, and only those are read. Shards may hold a row twice, and a
-- numerics a cell of two runs.
answers as (

    select
        shards.model_id,
        shards.prompt_id,
        shards.question_id,
        shards.country_id,
        shards.text_sha256,
        shards.numerics_id,
        numerics.rounding,
        shards.choice_index,
        arg_max(shards.log_likelihood, row(shards.scored_at, shards.run_id)) as log_likelihood
    from shards
    inner join landed_designs
        on
            shards.model_id = landed_designs.model_id
            and shards.prompt_id = landed_designs.prompt_id
            and landed_designs.has_repeated_choices
    inner join numerics on shards.numerics_id = numerics.numerics_id
    where isfinite(shards.log_likelihood)
    group by all

),

counted_answers as (

    select
        *,
        count(*) over (
            partition by
                model_id, prompt_id, question_id, country_id, text_sha256, rounding, choice_index
        ) as numerics_count
    from answers

),

-- What a cell's numerics all have: any choice that one of them lacks is left out.
shared_answers as (

    select *
    from counted_answers
    qualify
        numerics_count > 1
        and numerics_count = max(numerics_count) over (
            partition by model_id, prompt_id, question_id, country_id, text_sha256, rounding
        )

),

deviations as (

    select
        *,
        log_likelihood - avg(log_likelihood) over (
            partition by
                model_id, prompt_id, question_id, country_id, text_sha256, rounding, choice_index
        ) as deviation
    from shared_answers

),

-- A shift of all choices of a cell alike is nothing to a softmax over them.
residuals as (

    select
        *,
        deviation - avg(deviation) over (
            partition by
                model_id, prompt_id, question_id, country_id, text_sha256, rounding, numerics_id
        ) as residual
    from deviations

),

repeated_cells as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        text_sha256,
        rounding,
        sum(residual * residual) as squared_residuals,
        (count(distinct numerics_id) - 1) * (count(distinct choice_index) - 1)
            as degrees_of_freedom
    from residuals
    group by all

),

rounding_noise as (

    select
        model_id,
        prompt_id,
        rounding,
        count(*) as repeated_cell_count,
        sqrt(sum(squared_residuals) / sum(degrees_of_freedom)) as log_likelihood_noise
    from repeated_cells
    where degrees_of_freedom > 0
    group by all

),

-- Of rows that are rounded in several ways, the noisiest speak for the design.
repeated_numerics as (

    select
        scored_runs.model_id,
        scored_runs.prompt_id,
        max(rounding_noise.log_likelihood_noise) as log_likelihood_noise,
        arg_max(
            rounding_noise.repeated_cell_count, rounding_noise.log_likelihood_noise
        ) as repeated_cell_count
    from scored_runs
    inner join numerics on scored_runs.numerics_id = numerics.numerics_id
    inner join rounding_noise
        on
            scored_runs.model_id = rounding_noise.model_id
            and scored_runs.prompt_id = rounding_noise.prompt_id
            and numerics.rounding = rounding_noise.rounding
    where rounding_noise.repeated_cell_count >= {{ var_number('minimum_repeated_cells') }}
    group by all

),

asked as (

    select
        designs.model_id,
        designs.prompt_id,
        designs.order_family_id,
        -- What chance does to shares of draws is not arithmetic.
        case
            when coalesce(prompts.elicitation, 'likelihood') != 'sampled'
                then
                    coalesce(
                        repeated_numerics.log_likelihood_noise, path_differences.path_difference
                    )
        end as log_likelihood_noise,
        case
            when prompts.elicitation = 'sampled' then 'draws'
            when repeated_numerics.log_likelihood_noise is not null then 'repeated_numerics'
            when path_differences.path_difference is not null then 'path_difference'
            else 'not_measured'
        end as noise_basis,
        coalesce(repeated_numerics.repeated_cell_count, 0) as repeated_cell_count
    from designs
    left outer join prompts on designs.prompt_id = prompts.prompt_id
    left outer join path_differences
        on
            designs.model_id = path_differences.model_id
            and designs.prompt_id = path_differences.prompt_id
    left outer join repeated_numerics
        on
            designs.model_id = repeated_numerics.model_id
            and designs.prompt_id = repeated_numerics.prompt_id
    where not designs.is_derived

),

-- That a mean of several orders is less noisy than one is in its cells' `noise_sensitivity`.
averaged as (

    select
        designs.model_id,
        designs.prompt_id,
        case
            when count(asked.log_likelihood_noise) = count(*)
                then sqrt(avg(power(asked.log_likelihood_noise, 2)))
        end as log_likelihood_noise,
        case
            when bool_or(asked.noise_basis = 'not_measured') then 'not_measured'
            when bool_or(asked.noise_basis = 'path_difference') then 'path_difference'
            when bool_or(asked.noise_basis = 'draws') then 'draws'
            else 'repeated_numerics'
        end as noise_basis,
        cast(sum(asked.repeated_cell_count) as bigint) as repeated_cell_count
    from designs
    inner join asked
        on
            designs.model_id = asked.model_id
            and designs.order_family_id = asked.order_family_id
    where designs.is_derived
    group by all

),

final as (

    select
        model_id,
        prompt_id,
        log_likelihood_noise,
        noise_basis,
        repeated_cell_count
    from asked
    union all
    select * from averaged

)

select * from final
