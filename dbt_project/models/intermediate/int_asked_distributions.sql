{{ by_design() }}

-- Read twice, for rows and for their cells: kept in memory, all choices fill it.
with

scored as not materialized (

    select * from {{ ref('stg_choice_log_likelihoods') }}

),

designs as (

    select design_fingerprints.*
    from {{ ref('int_design_fingerprints') }} as design_fingerprints
    where {{ is_changed_design('design_fingerprints') }}

),

choices as (

    select * from {{ ref('stg_choices') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

reference_populations as (

    select * from {{ ref('int_reference_populations') }}

),

human_shares as (

    select * from {{ ref('int_human_choice_shares') }}

),

asked as not materialized (

    select
        scored.model_id,
        scored.prompt_id,
        scored.question_id,
        scored.country_id,
        scored.choice_index,
        scored.coding_id,
        scored.run_id,
        scored.numerics_id,
        scored.choice_position,
        scored.choice_label,
        scored.choice_text,
        scored.log_likelihood,
        scored.label_log_likelihood,
        scored.token_count,
        scored.byte_count,
        scored.off_choice_mass,
        scored.boundary_merged,
        scored.draws,
        scored.superseded_cells,
        designs.source_fingerprint,
        reference_populations.population_id,
        questions.survey_id,
        questions.question_selection,
        choices.choice_score,
        choices.choice_count
    from scored
    inner join designs
        on
            scored.model_id = designs.model_id
            and scored.prompt_id = designs.prompt_id
    inner join questions
        on
            scored.question_id = questions.question_id
            and questions.is_selected
    left outer join choices
        on
            scored.coding_id = choices.coding_id
            and scored.question_id = choices.question_id
            and scored.choice_index = choices.choice_index
    left outer join reference_populations on questions.survey_id = reference_populations.survey_id

),

-- Aggregated and joined rather than by windows, which would sort all choices twice.
cells as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        max(log_likelihood) as largest_log_likelihood,
        {{ softmax_sum() }} as softmax_sum,
        {{ is_whole_cell() }} as is_whole
    from asked
    group by all

),

probabilities as (

    select
        asked.*,
        cells.is_whole,
        case
            when cells.is_whole
                then
                    {{ softmax(
                        impossible_as_minus_infinity('asked.log_likelihood'),
                        'cells.largest_log_likelihood',
                        'cells.softmax_sum',
                    ) }}
        end as llm_probability
    from asked
    inner join cells
        on
            asked.model_id = cells.model_id
            and asked.prompt_id = cells.prompt_id
            and asked.question_id = cells.question_id
            and asked.country_id = cells.country_id

),

final as (

    select
        probabilities.model_id,
        probabilities.prompt_id,
        probabilities.question_id,
        probabilities.country_id,
        probabilities.choice_index,
        probabilities.survey_id,
        probabilities.population_id,
        probabilities.coding_id,
        probabilities.question_selection,
        probabilities.run_id,
        probabilities.numerics_id,
        probabilities.choice_position,
        probabilities.choice_label,
        probabilities.choice_text,
        probabilities.choice_score,
        probabilities.choice_count,
        probabilities.log_likelihood,
        probabilities.label_log_likelihood,
        probabilities.token_count,
        probabilities.byte_count,
        probabilities.llm_probability,
        case when probabilities.is_whole then human_shares.human_share end as human_share,
        probabilities.off_choice_mass,
        probabilities.boundary_merged,
        probabilities.draws,
        probabilities.superseded_cells,
        probabilities.is_whole,
        probabilities.source_fingerprint
    from probabilities
    left outer join human_shares
        on
            probabilities.population_id = human_shares.population_id
            and probabilities.coding_id = human_shares.coding_id
            and probabilities.question_id = human_shares.question_id
            and probabilities.country_id = human_shares.country_id
            and probabilities.choice_index = human_shares.choice_index

)

select * from final
