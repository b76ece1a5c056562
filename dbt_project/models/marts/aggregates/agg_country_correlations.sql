with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

correlations as (

    select * from {{ ref('int_country_correlations') }}

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

scored_countries as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        population_id,
        coding_id,
        question_selection,
        count(*) as scored_question_count,
        {{ shared_reason('null_reason') }} as shared_null_reason
    from mean_scores
    where country_id != 'ZZZ'
    group by all

),

-- Without any comparable cell nothing of the row is known, for one reason.
explained as (

    select
        scored_countries.*,
        coalesce(prompts.is_derived, false) as is_order_controlled,
        case
            when correlations.question_count is null
                then coalesce(scored_countries.shared_null_reason, 'too_few_questions')
        end as no_cells_reason
    from scored_countries
    left outer join correlations
        on
            scored_countries.model_id = correlations.model_id
            and scored_countries.prompt_id = correlations.prompt_id
            and scored_countries.survey_id = correlations.survey_id
            and scored_countries.country_id = correlations.country_id
    left outer join prompts on scored_countries.prompt_id = prompts.prompt_id

),

final as (

    select
        explained.model_id,
        explained.prompt_id,
        explained.survey_id,
        explained.country_id,
        explained.population_id,
        explained.coding_id,
        explained.question_selection,
        {{ var_text("question_set") }} as question_set,
        explained.is_order_controlled,
        explained.scored_question_count,
        coalesce(correlations.question_count, 0) as question_count,
        correlations.question_set_id,
        correlations.pearson_r,
        intervals.ci_low,
        intervals.ci_high,
        intervals.standard_error,
        coalesce(
            explained.no_cells_reason, correlations.null_reason, intervals.interval_null_reason
        ) as interval_null_reason,
        coalesce(explained.no_cells_reason, correlations.null_reason) as null_reason,
        intervals.r_rank,
        intervals.r_rank_low,
        intervals.r_rank_high,
        intervals.r_ranking_reliability,
        intervals.r_ranking_null_reason,
        correlations.spearman_rho,
        coalesce(correlations.common_question_count, 0) as common_question_count,
        correlations.common_pearson_r,
        coalesce(explained.no_cells_reason, correlations.common_null_reason) as common_null_reason,
        correlations.common_blind_baseline_r,
        correlations.common_best_other_country_id,
        correlations.common_best_other_country_r,
        coalesce(explained.no_cells_reason, correlations.common_baselines_null_reason)
            as common_baselines_null_reason,
        correlations.demeaned_pearson_r,
        intervals.demeaned_ci_low,
        intervals.demeaned_ci_high,
        coalesce(correlations.demeaned_question_count, 0) as demeaned_question_count,
        coalesce(explained.no_cells_reason, correlations.demeaned_null_reason)
            as demeaned_null_reason,
        intervals.demeaned_rank,
        intervals.demeaned_rank_low,
        intervals.demeaned_rank_high,
        intervals.demeaned_ranking_reliability,
        intervals.demeaned_ranking_null_reason,
        correlations.blind_baseline_r,
        correlations.pearson_r - correlations.blind_baseline_r as r_above_blind,
        intervals.r_above_blind_ci_low,
        intervals.r_above_blind_ci_high,
        intervals.r_above_blind_p_value,
        intervals.r_above_blind_q_value,
        coalesce(
            explained.no_cells_reason,
            correlations.null_reason,
            correlations.blind_null_reason,
            intervals.r_above_blind_q_null_reason
        ) as r_above_blind_q_null_reason,
        intervals.r_above_blind_family,
        random_answers.random_r_above_blind,
        random_answers.random_r_above_blind_low,
        random_answers.random_r_above_blind_high,
        random_answers.random_place,
        coalesce(explained.no_cells_reason, correlations.blind_null_reason) as blind_null_reason,
        correlations.skill,
        coalesce(explained.no_cells_reason, correlations.skill_null_reason) as skill_null_reason,
        correlations.country_gain,
        coalesce(explained.no_cells_reason, correlations.country_gain_null_reason)
            as country_gain_null_reason,
        correlations.best_other_country_id,
        correlations.best_other_country_r,
        coalesce(correlations.other_country_count, 0) as other_country_count,
        coalesce(explained.no_cells_reason, correlations.best_other_country_null_reason)
            as best_other_country_null_reason,
        correlations.option_position_r,
        coalesce(explained.no_cells_reason, correlations.option_position_null_reason)
            as option_position_null_reason,
        correlations.shuffled_countries_r,
        correlations.shuffled_countries_p,
        coalesce(correlations.shuffled_country_count, 0) as shuffled_country_count,
        coalesce(explained.no_cells_reason, correlations.shuffled_countries_null_reason)
            as shuffled_countries_null_reason,
        correlations.country_free_r,
        coalesce(explained.no_cells_reason, correlations.country_free_null_reason)
            as country_free_null_reason,
        correlations.rho0,
        correlations.blind_rho0,
        correlations.rho0_above_blind,
        coalesce(explained.no_cells_reason, correlations.rho0_null_reason) as rho0_null_reason,
        correlations.noise_ceiling,
        correlations.human_error_basis,
        coalesce(explained.no_cells_reason, correlations.noise_ceiling_null_reason)
            as noise_ceiling_null_reason,
        coalesce(correlations.split_count, 0) as split_count,
        correlations.split_half_r,
        correlations.split_half_reliability,
        correlations.split_half_ceiling,
        coalesce(explained.no_cells_reason, correlations.split_half_null_reason)
            as split_half_null_reason,
        correlations.mean_absolute_error,
        correlations.uniform_mean_absolute_error,
        correlations.mean_wasserstein_1,
        correlations.uniform_mean_wasserstein_1,
        correlations.mean_total_variation,
        correlations.uniform_mean_total_variation,
        correlations.mean_jensen_shannon_distance,
        correlations.uniform_mean_jensen_shannon_distance,
        correlations.modal_agreement_share,
        correlations.mean_llm_entropy,
        correlations.mean_human_entropy,
        correlations.mean_off_choice_mass
    from explained
    left outer join correlations
        on
            explained.model_id = correlations.model_id
            and explained.prompt_id = correlations.prompt_id
            and explained.survey_id = correlations.survey_id
            and explained.country_id = correlations.country_id
    left outer join intervals
        on
            explained.model_id = intervals.model_id
            and explained.prompt_id = intervals.prompt_id
            and explained.survey_id = intervals.survey_id
            and explained.country_id = intervals.area_id
    left outer join random_answers
        on
            explained.model_id = random_answers.model_id
            and explained.prompt_id = random_answers.prompt_id
            and explained.survey_id = random_answers.survey_id
            and explained.country_id = random_answers.area_id

)

select * from final
