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

scored as (

    {{ scored_groups('mean_scores', ['category_id']) }}

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
        {{ r_and_reason('centred_llm_score', 'centred_human_score', 2, 'too_few_questions') }},
        {{ rho0_and_reason('count(distinct question_id)') }},
        {{ rho0('blind_mean_score', 'human_mean_score', 'count(distinct question_id)') }}
            as blind_rho0,
        avg(absolute_error) as mean_absolute_error
    from centred
    group by all

),

limited as (

    select
        * exclude (has_blind_scores) replace (
            case
                when question_count >= {{ var_number('minimum_questions') }} then pearson_r
            end as pearson_r,
            case
                when question_count < {{ var_number('minimum_questions') }} then 'too_few_questions'
                else null_reason
            end as null_reason,
            case when has_blind_scores then blind_rho0 end as blind_rho0
        ),
        case when has_blind_scores then rho0 - blind_rho0 end as rho0_above_blind
    from pooled

),

measured as (

    {{ measured_groups(
        'scored',
        'limited',
        ['category_id'],
        counts=['question_count', 'country_count', 'cell_count'],
        reasons=['null_reason', 'rho0_null_reason'],
        too_few='too_few_questions',
    ) }}

),

random_answers as (

    {{ random_answers('category', 'rho0_above_blind') }}

),

final as (

    select
        measured.*,
        random_answers.random_rho0_above_blind,
        random_answers.random_rho0_above_blind_low,
        random_answers.random_rho0_above_blind_high,
        random_answers.random_place,
        random_answers.random_distance,
        random_answers.random_q_value,
        random_answers.country_free_rho0_above_blind,
        intervals.ci_low as rho0_above_blind_ci_low,
        intervals.ci_high as rho0_above_blind_ci_high,
        intervals.p_value as rho0_above_blind_p_value,
        intervals.q_value as rho0_above_blind_q_value,
        coalesce(intervals.battery_count, 0) as battery_count,
        case
            when intervals.category_id is null then 'too_few_batteries'
            else intervals.null_reason
        end as interval_null_reason,
        random_answers.rank is not null as is_ranked,
        random_answers.rank as category_rank,
        random_answers.rank_low as category_rank_low,
        random_answers.rank_high as category_rank_high,
        random_answers.ranking_reliability as category_ranking_reliability,
        random_answers.ranking_null_reason as category_ranking_null_reason
    from measured
    left outer join random_answers
        on
            measured.model_id = random_answers.model_id
            and measured.prompt_id = random_answers.prompt_id
            and measured.survey_id = random_answers.survey_id
            and measured.category_id = random_answers.area_id
    left outer join intervals
        on
            measured.model_id = intervals.model_id
            and measured.prompt_id = intervals.prompt_id
            and measured.survey_id = intervals.survey_id
            and measured.category_id = intervals.category_id

)

-- The contract lists the columns.
select * from final -- noqa: AM04
