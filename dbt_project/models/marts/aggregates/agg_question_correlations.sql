with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

scored_questions as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_id,
        population_id,
        coding_id,
        category_id,
        question_selection,
        count(*) as scored_country_count,
        {{ shared_reason('null_reason') }} as shared_null_reason
    from mean_scores
    where country_id != 'ZZZ'
    group by all

),

correlations as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_id,
        count(*) as country_count,
        {{ pearson_r('llm_mean_score', 'human_mean_score', var_number('minimum_countries')) }}
            as pearson_r,
        {{ pearson_r_null_reason(
            'llm_mean_score', 'human_mean_score', var_number('minimum_countries'), 'too_few_countries'
        ) }} as null_reason,
        stddev_pop(llm_mean_score) as llm_standard_deviation,
        stddev_pop(human_mean_score) as human_standard_deviation,
        avg(llm_mean_score - human_mean_score) as mean_error,
        avg(absolute_error) as mean_absolute_error,
        avg(wasserstein_1) as mean_wasserstein_1,
        avg(jensen_shannon_distance) as mean_jensen_shannon_distance
    from cells
    group by all

),

final as (

    select
        scored_questions.model_id,
        scored_questions.prompt_id,
        scored_questions.survey_id,
        scored_questions.question_id,
        scored_questions.population_id,
        scored_questions.coding_id,
        scored_questions.category_id,
        scored_questions.question_selection,
        {{ var_text("question_set") }} as question_set,
        scored_questions.scored_country_count,
        coalesce(correlations.country_count, 0) as country_count,
        correlations.pearson_r,
        case
            when correlations.country_count is null
                then coalesce(scored_questions.shared_null_reason, 'too_few_countries')
            else correlations.null_reason
        end as null_reason,
        correlations.llm_standard_deviation,
        correlations.human_standard_deviation,
        correlations.mean_error,
        correlations.mean_absolute_error,
        correlations.mean_wasserstein_1,
        correlations.mean_jensen_shannon_distance
    from scored_questions
    left outer join correlations
        on
            scored_questions.model_id = correlations.model_id
            and scored_questions.prompt_id = correlations.prompt_id
            and scored_questions.survey_id = correlations.survey_id
            and scored_questions.question_id = correlations.question_id

)

select * from final
