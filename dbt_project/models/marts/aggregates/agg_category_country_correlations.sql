with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

scored_categories as (

    select
        model_id,
        prompt_id,
        survey_id,
        category_id,
        country_id,
        population_id,
        coding_id,
        question_selection,
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
        category_id,
        country_id,
        count(*) as question_count,
        {{ pearson_r('llm_mean_score', 'human_mean_score', var_number('minimum_questions')) }}
            as pearson_r,
        {{ pearson_r_null_reason(
            'llm_mean_score', 'human_mean_score', var_number('minimum_questions'), 'too_few_questions'
        ) }} as null_reason,
        {{ rho0(
            'llm_mean_score', 'human_mean_score', 'count(*)', var_number('minimum_questions')
        ) }} as rho0,
        {{ rho0_null_reason(
            'llm_mean_score', 'human_mean_score', 'count(*)', var_number('minimum_questions')
        ) }} as rho0_null_reason,
        case
            when count(blind_mean_score) = count(*)
                then
                    {{ rho0(
                        'blind_mean_score',
                        'human_mean_score',
                        'count(*)',
                        var_number('minimum_questions'),
                    ) }}
        end as blind_rho0,
        avg(absolute_error) as mean_absolute_error
    from cells
    group by all

),

final as (

    select
        scored_categories.model_id,
        scored_categories.prompt_id,
        scored_categories.survey_id,
        scored_categories.category_id,
        scored_categories.country_id,
        scored_categories.population_id,
        scored_categories.coding_id,
        scored_categories.question_selection,
        {{ var_text("question_set") }} as question_set,
        coalesce(correlations.question_count, 0) as question_count,
        correlations.pearson_r,
        case
            when correlations.question_count is null
                then coalesce(scored_categories.shared_null_reason, 'too_few_questions')
            else correlations.null_reason
        end as null_reason,
        correlations.rho0,
        case
            when correlations.question_count is null
                then coalesce(scored_categories.shared_null_reason, 'too_few_questions')
            else correlations.rho0_null_reason
        end as rho0_null_reason,
        correlations.blind_rho0,
        correlations.rho0 - correlations.blind_rho0 as rho0_above_blind,
        correlations.mean_absolute_error
    from scored_categories
    left outer join correlations
        on
            scored_categories.model_id = correlations.model_id
            and scored_categories.prompt_id = correlations.prompt_id
            and scored_categories.survey_id = correlations.survey_id
            and scored_categories.category_id = correlations.category_id
            and scored_categories.country_id = correlations.country_id

)

select * from final
