{{ by_design() }}

with

distributions as (

    select * from {{ ref('int_asked_distributions') }}

),

designs as (

    select * from {{ ref('int_design_fingerprints') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

averaged_designs as (

    select *
    from designs
    where
        is_derived
        and {{ is_changed_design('designs') }}

),

ordered as (

    select
        distributions.*,
        averaged_designs.prompt_id as averaged_prompt_id,
        averaged_designs.source_fingerprint as averaged_source_fingerprint,
        {{ is_balanced_order('prompts.choice_order', 'distributions.choice_count', 'choice') }}
            as is_averaged
    from distributions
    inner join prompts on distributions.prompt_id = prompts.prompt_id
    inner join averaged_designs
        on
            distributions.model_id = averaged_designs.model_id
            and prompts.order_family_id = averaged_designs.order_family_id
    where distributions.is_whole
    window choice as (
        partition by
            distributions.model_id,
            averaged_designs.prompt_id,
            distributions.question_id,
            distributions.country_id,
            distributions.choice_index
    )

),

-- Each order's noise is independent of the others', so that their mean has the root of the summed
-- variances over their number. Of draws likewise, where all orders have some.
sensitivities as (

    select
        model_id,
        averaged_prompt_id,
        question_id,
        country_id,
        sqrt(sum(power(noise_sensitivity, 2))) / count(*) as noise_sensitivity,
        case
            when count(llm_standard_error) = count(*)
                then sqrt(sum(power(llm_standard_error, 2))) / count(*)
        end as llm_standard_error,
        case when count(draws) = count(*) then cast(sum(draws) as bigint) end as draws
    from (
        select
            model_id,
            averaged_prompt_id,
            prompt_id,
            question_id,
            country_id,
            max(draws) as draws,
            {{ noise_sensitivity('llm_probability', 'choice_score') }} as noise_sensitivity,
            {{ sampling_error('llm_probability', 'choice_score', 'draws') }} as llm_standard_error
        from ordered
        where is_averaged
        group by all
    ) as orders
    group by all

),

averaged as (

    select
        model_id,
        averaged_prompt_id as prompt_id,
        question_id,
        country_id,
        choice_index,
        survey_id,
        population_id,
        coding_id,
        question_selection,
        cast(null as varchar) as run_id,
        cast(null as varchar) as numerics_id,
        cast(null as integer) as choice_position,
        cast(null as varchar) as choice_label,
        min(choice_text) as choice_text,
        choice_score,
        choice_count,
        cast(null as double) as log_likelihood,
        cast(null as double) as label_log_likelihood,
        cast(null as integer) as token_count,
        cast(null as integer) as byte_count,
        avg(llm_probability) as llm_probability,
        human_share,
        avg(off_choice_mass) as off_choice_mass,
        bool_or(boundary_merged) as boundary_merged,
        cast(sum(superseded_cells) as bigint) as superseded_cells,
        true as is_whole,
        averaged_source_fingerprint as source_fingerprint
    from ordered
    where is_averaged
    group by all

),

final as (

    select
        averaged.*,
        sensitivities.draws,
        sensitivities.noise_sensitivity,
        sensitivities.llm_standard_error
    from averaged
    inner join sensitivities
        on
            averaged.model_id = sensitivities.model_id
            and averaged.prompt_id = sensitivities.averaged_prompt_id
            and averaged.question_id = sensitivities.question_id
            and averaged.country_id = sensitivities.country_id

)

select * from final
