with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

intervals as (

    select * from {{ ref('int_category_intervals') }}

),

scored_categories as (

    select
        model_id,
        prompt_id,
        survey_id,
        category_id,
        population_id,
        coding_id,
        question_selection,
        {{ shared_reason('null_reason') }} as shared_null_reason
    from mean_scores
    where country_id != 'ZZZ'
    group by all

),

-- Pooled r within countries: what sets whole countries apart is not part of it.
centred as (

    select
        *,
        llm_mean_score - avg(llm_mean_score) over category_of_country as centred_llm_score,
        human_mean_score - avg(human_mean_score) over category_of_country as centred_human_score
    from cells
    window category_of_country as (
        partition by model_id, prompt_id, survey_id, category_id, country_id
    )

),

pooled as (

    select
        model_id,
        prompt_id,
        survey_id,
        category_id,
        count(*) as cell_count,
        count(distinct question_id) as question_count,
        count(distinct country_id) as country_count,
        count(blind_mean_score) = count(*) as has_blind_scores,
        {{ pearson_r('centred_llm_score', 'centred_human_score', 2) }} as pearson_r,
        {{ pearson_r_null_reason(
            'centred_llm_score', 'centred_human_score', 2, 'too_few_questions'
        ) }} as null_reason,
        {{ rho0(
            'llm_mean_score',
            'human_mean_score',
            'count(distinct question_id)',
            var_number('minimum_questions'),
        ) }} as rho0,
        {{ rho0(
            'blind_mean_score',
            'human_mean_score',
            'count(distinct question_id)',
            var_number('minimum_questions'),
        ) }} as blind_rho0,
        {{ rho0_null_reason(
            'llm_mean_score',
            'human_mean_score',
            'count(distinct question_id)',
            var_number('minimum_questions'),
        ) }} as rho0_null_reason,
        avg(absolute_error) as mean_absolute_error
    from centred
    group by all

),

limited as (

    select
        model_id,
        prompt_id,
        survey_id,
        category_id,
        cell_count,
        question_count,
        country_count,
        case
            when question_count >= {{ var_number('minimum_questions') }} then pearson_r
        end as pearson_r,
        case
            when question_count < {{ var_number('minimum_questions') }} then 'too_few_questions'
            else null_reason
        end as null_reason,
        rho0,
        rho0_null_reason,
        case when has_blind_scores then blind_rho0 end as blind_rho0,
        case when has_blind_scores then rho0 - blind_rho0 end as rho0_above_blind,
        mean_absolute_error
    from pooled

),

random_answers as (

    {{ random_answers('category', 'rho0_above_blind') }}

),

ranked as (

    select
        limited.*,
        random_answers.random_rho0_above_blind,
        random_answers.random_rho0_above_blind_low,
        random_answers.random_rho0_above_blind_high,
        random_answers.random_place,
        random_answers.random_distance,
        random_answers.random_q_value,
        random_answers.country_free_rho0_above_blind,
        random_answers.rank as category_rank,
        random_answers.rank_low as category_rank_low,
        random_answers.rank_high as category_rank_high,
        random_answers.ranking_reliability as category_ranking_reliability,
        random_answers.ranking_null_reason as category_ranking_null_reason
    from limited
    left outer join random_answers
        on
            limited.model_id = random_answers.model_id
            and limited.prompt_id = random_answers.prompt_id
            and limited.survey_id = random_answers.survey_id
            and limited.category_id = random_answers.area_id

),

final as (

    select
        scored_categories.model_id,
        scored_categories.prompt_id,
        scored_categories.survey_id,
        scored_categories.category_id,
        scored_categories.population_id,
        scored_categories.coding_id,
        scored_categories.question_selection,
        {{ var_text("question_set") }} as question_set,
        coalesce(ranked.question_count, 0) as question_count,
        coalesce(ranked.country_count, 0) as country_count,
        coalesce(ranked.cell_count, 0) as cell_count,
        ranked.pearson_r,
        case
            when ranked.question_count is null
                then coalesce(scored_categories.shared_null_reason, 'too_few_questions')
            else ranked.null_reason
        end as null_reason,
        ranked.rho0,
        case
            when ranked.question_count is null
                then coalesce(scored_categories.shared_null_reason, 'too_few_questions')
            else ranked.rho0_null_reason
        end as rho0_null_reason,
        ranked.blind_rho0,
        ranked.rho0_above_blind,
        ranked.random_rho0_above_blind,
        ranked.random_rho0_above_blind_low,
        ranked.random_rho0_above_blind_high,
        ranked.random_place,
        ranked.random_distance,
        ranked.random_q_value,
        ranked.country_free_rho0_above_blind,
        intervals.ci_low as rho0_above_blind_ci_low,
        intervals.ci_high as rho0_above_blind_ci_high,
        intervals.p_value as rho0_above_blind_p_value,
        intervals.q_value as rho0_above_blind_q_value,
        coalesce(intervals.battery_count, 0) as battery_count,
        case
            when intervals.category_id is null then 'too_few_batteries'
            else intervals.null_reason
        end as interval_null_reason,
        ranked.category_rank is not null as is_ranked,
        ranked.category_rank,
        ranked.category_rank_low,
        ranked.category_rank_high,
        ranked.category_ranking_reliability,
        ranked.category_ranking_null_reason,
        ranked.mean_absolute_error
    from scored_categories
    left outer join ranked
        on
            scored_categories.model_id = ranked.model_id
            and scored_categories.prompt_id = ranked.prompt_id
            and scored_categories.survey_id = ranked.survey_id
            and scored_categories.category_id = ranked.category_id
    left outer join intervals
        on
            scored_categories.model_id = intervals.model_id
            and scored_categories.prompt_id = intervals.prompt_id
            and scored_categories.survey_id = intervals.survey_id
            and scored_categories.category_id = intervals.category_id

)

select * from final
