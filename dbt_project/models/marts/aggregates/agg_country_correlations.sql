with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

correlations as (

    select * exclude (battery_count, compared_country_count, source_fingerprint)
    from {{ ref('int_country_correlations') }}

),

estimates as (

    select * from {{ ref('int_correlation_intervals') }}

),

intervals as (

    {{ intervals_side_by_side('estimates', 'country') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

random_answers as (

    {{ random_answers('country', 'r_above_blind') }}

),

scored as (

    {{ scored_groups('mean_scores', ['country_id'], 'scored_question_count') }}

),

measured as (

    {{ measured_groups(
        'scored',
        'correlations',
        ['country_id'],
        counts=[
            'question_count',
            'common_question_count',
            'demeaned_question_count',
            'other_country_count',
            'shuffled_country_count',
            'split_count',
        ],
        reasons=[
            'null_reason',
            'common_null_reason',
            'common_baselines_null_reason',
            'demeaned_null_reason',
            'blind_null_reason',
            'skill_null_reason',
            'country_gain_null_reason',
            'best_other_country_null_reason',
            'option_position_null_reason',
            'shuffled_countries_null_reason',
            'country_free_null_reason',
            'rho0_null_reason',
            'noise_ceiling_null_reason',
            'split_half_null_reason',
        ],
        too_few='too_few_questions',
    ) }}

),

final as (

    select
        measured.*,
        coalesce(prompts.is_derived, false) as is_order_controlled,
        measured.pearson_r - measured.blind_baseline_r as r_above_blind,
        intervals.ci_low,
        intervals.ci_high,
        intervals.standard_error,
        coalesce(measured.null_reason, intervals.interval_null_reason) as interval_null_reason,
        intervals.r_rank,
        intervals.r_rank_low,
        intervals.r_rank_high,
        intervals.r_ranking_reliability,
        intervals.r_ranking_null_reason,
        intervals.demeaned_ci_low,
        intervals.demeaned_ci_high,
        intervals.demeaned_rank,
        intervals.demeaned_rank_low,
        intervals.demeaned_rank_high,
        intervals.demeaned_ranking_reliability,
        intervals.demeaned_ranking_null_reason,
        intervals.r_above_blind_ci_low,
        intervals.r_above_blind_ci_high,
        intervals.r_above_blind_p_value,
        intervals.r_above_blind_q_value,
        coalesce(
            measured.null_reason, measured.blind_null_reason, intervals.r_above_blind_q_null_reason
        ) as r_above_blind_q_null_reason,
        intervals.r_above_blind_family,
        random_answers.random_r_above_blind,
        random_answers.random_r_above_blind_low,
        random_answers.random_r_above_blind_high,
        random_answers.random_place
    from measured
    left outer join prompts on measured.prompt_id = prompts.prompt_id
    left outer join intervals
        on
            measured.model_id = intervals.model_id
            and measured.prompt_id = intervals.prompt_id
            and measured.survey_id = intervals.survey_id
            and measured.country_id = intervals.area_id
    left outer join random_answers
        on
            measured.model_id = random_answers.model_id
            and measured.prompt_id = random_answers.prompt_id
            and measured.survey_id = random_answers.survey_id
            and measured.country_id = random_answers.area_id

)

-- The contract lists the columns.
select * from final -- noqa: AM04
