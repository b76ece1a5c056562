with

scored as (

    select * from {{ ref('stg_choice_log_likelihoods') }}

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

asked as (

    select
        scored.*,
        questions.survey_id,
        questions.question_selection,
        reference_populations.population_id,
        choices.choice_score,
        choices.choice_count,
        max(scored.log_likelihood) over (
            partition by
                scored.model_id,
                scored.prompt_id,
                scored.question_id,
                scored.country_id
        ) as largest_log_likelihood,
        count(choices.choice_index) over (
            partition by
                scored.model_id,
                scored.prompt_id,
                scored.question_id,
                scored.country_id
        ) as known_choices,
        count(*) over (
            partition by
                scored.model_id,
                scored.prompt_id,
                scored.question_id,
                scored.country_id
        ) as scored_choices
    from scored
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

-- A cell whose choices are not exactly the instrument's has no distribution over them.
checked as (

    select
        *,
        known_choices = scored_choices
        and coalesce(scored_choices = choice_count, false) as is_whole
    from asked

),

probabilities as (

    select
        *,
        case
            when is_whole
                then
                    {{ softmax(
                        'log_likelihood',
                        'largest_log_likelihood',
                        'model_id, prompt_id, question_id, country_id',
                    ) }}
        end as llm_probability
    from checked

),

joined as (

    select
        probabilities.*,
        case when probabilities.is_whole then human_shares.human_share end as human_share
    from probabilities
    left outer join human_shares
        on
            probabilities.population_id = human_shares.population_id
            and probabilities.coding_id = human_shares.coding_id
            and probabilities.question_id = human_shares.question_id
            and probabilities.country_id = human_shares.country_id
            and probabilities.choice_index = human_shares.choice_index

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
        -- The two cumulative distributions' difference, whose absolute values sum to Wasserstein-1.
        sum(llm_probability - human_share) over (
            partition by model_id, prompt_id, question_id, country_id
            order by choice_index
        ) as cumulative_difference,
        off_choice_mass,
        boundary_merged,
        superseded_cells,
        is_whole
    from joined

)

select * from final
