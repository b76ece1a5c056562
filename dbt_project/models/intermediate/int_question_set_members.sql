with

question_sets as (

    select * from {{ ref('int_question_sets') }}

),

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

human_mean_scores as (

    select * from {{ ref('fct_human_mean_scores') }}

),

named as (

    select
        *,
        false as is_common_only
    from question_sets
    union all
    select
        * replace (common_question_set_id as question_set_id),
        true as is_common_only
    from question_sets
    where common_question_set_id is not null

),

-- One model and prompt represents all that share the set.
representatives as (

    select distinct on (population_id, coding_id, country_id, question_set_id)
        population_id,
        coding_id,
        country_id,
        question_set_id,
        survey_id,
        model_id,
        prompt_id,
        is_common_only
    from named
    order by
        population_id,
        coding_id,
        country_id,
        question_set_id,
        model_id,
        prompt_id,
        is_common_only

),

final as (

    select
        representatives.population_id,
        representatives.coding_id,
        representatives.country_id,
        representatives.question_set_id,
        human_mean_scores.question_id,
        count(*) over (
            partition by
                representatives.population_id,
                representatives.coding_id,
                representatives.country_id,
                representatives.question_set_id
        ) as question_count,
        human_mean_scores.human_mean_score,
        human_mean_scores.human_standard_error,
        human_mean_scores.standard_error_basis,
        human_mean_scores.blind_mean_score,
        human_mean_scores.human_entropy,
        human_mean_scores.uniform_wasserstein_1,
        human_mean_scores.uniform_total_variation,
        human_mean_scores.uniform_jensen_shannon_distance
    from representatives
    inner join cells
        on
            representatives.model_id = cells.model_id
            and representatives.prompt_id = cells.prompt_id
            and representatives.survey_id = cells.survey_id
            and representatives.country_id = cells.country_id
            and (cells.is_common_question or not representatives.is_common_only)
    inner join human_mean_scores
        on
            representatives.population_id = human_mean_scores.population_id
            and representatives.coding_id = human_mean_scores.coding_id
            and cells.question_id = human_mean_scores.question_id
            and representatives.country_id = human_mean_scores.country_id

)

select * from final
