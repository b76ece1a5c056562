with

country_correlations as (

    select * from {{ ref('agg_country_correlations') }}

),

estimates as (

    select * from {{ ref('int_correlation_intervals') }}

),

intervals as (

    {{ intervals_side_by_side('estimates', 'world') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

surveys as (

    select * from {{ ref('stg_surveys') }}

),

populations as (

    select * from {{ ref('dim_populations') }}

),

-- Every mean is over countries with an r; what is missing beside an r is counted apart.
summed as (

    select
        model_id,
        prompt_id,
        survey_id,
        population_id,
        coding_id,
        question_selection,
        question_set,
        is_order_controlled,
        count(*) as scored_country_count,
        count(pearson_r) as country_count,
        max(common_question_count) as common_question_count,
        avg(question_count) filter (where pearson_r is not null) as mean_question_count,
        avg(pearson_r) as mean_pearson_r,
        min(pearson_r) as lowest_pearson_r,
        max(pearson_r) as highest_pearson_r,
        avg(common_pearson_r) as mean_common_pearson_r,
        avg(blind_baseline_r) filter (where pearson_r is not null) as mean_blind_baseline_r,
        count(r_above_blind) as blind_country_count,
        avg(r_above_blind) as mean_r_above_blind,
        avg(skill) filter (where pearson_r is not null) as mean_skill,
        avg(country_gain) as mean_country_gain,
        avg(demeaned_pearson_r) as mean_demeaned_pearson_r,
        count(demeaned_pearson_r) as demeaned_country_count,
        avg(best_other_country_r) filter (where pearson_r is not null)
            as mean_best_other_country_r,
        count(best_other_country_r) filter (where pearson_r is not null)
            as best_other_country_count,
        avg(option_position_r) filter (where pearson_r is not null) as mean_option_position_r,
        avg(shuffled_countries_r) as mean_shuffled_countries_r,
        avg(country_free_r) filter (where pearson_r is not null) as mean_country_free_r,
        avg(rho0) filter (where pearson_r is not null) as mean_rho0,
        avg(blind_rho0) filter (where pearson_r is not null) as mean_blind_rho0,
        avg(noise_ceiling) filter (where pearson_r is not null) as mean_noise_ceiling,
        avg(split_half_ceiling) filter (where pearson_r is not null) as mean_split_half_ceiling,
        count(split_half_ceiling) filter (where pearson_r is not null) as split_half_country_count,
        avg(mean_absolute_error) as mean_absolute_error,
        avg(mean_wasserstein_1) as mean_wasserstein_1,
        avg(mean_jensen_shannon_distance) as mean_jensen_shannon_distance,
        avg(mean_off_choice_mass) as mean_off_choice_mass,
        max(r_ranking_reliability) as country_ranking_reliability,
        max(demeaned_ranking_reliability) as demeaned_country_ranking_reliability,
        {{ shared_reason('null_reason') }} as shared_null_reason
    from country_correlations
    group by all

),

designs as (

    select
        summed.*,
        prompts.order_family_id,
        cast(models.training_cutoff_month[:4] as integer) as cutoff_year,
        -- Of other waves than the default one no year of publication is known.
        case
            when populations.wave_selection = cast(surveys.default_wave as varchar)
                then surveys.publication_year
        end as publication_year
    from summed
    left outer join prompts on summed.prompt_id = prompts.prompt_id
    left outer join models on summed.model_id = models.model_id
    left outer join populations on summed.population_id = populations.population_id
    left outer join surveys on populations.survey_id = surveys.survey_id

),

ordered as (

    select
        country_correlations.model_id,
        country_correlations.survey_id,
        country_correlations.country_id,
        country_correlations.question_set_id,
        country_correlations.pearson_r,
        prompts.order_family_id,
        prompts.choice_order
    from country_correlations
    inner join prompts on country_correlations.prompt_id = prompts.prompt_id

),

order_spreads as (

    select
        in_order.model_id,
        in_order.survey_id,
        in_order.order_family_id,
        avg(in_order.pearson_r - reversed.pearson_r) as order_spread,
        count(in_order.pearson_r - reversed.pearson_r) as order_spread_country_count
    from ordered as in_order
    inner join ordered as reversed
        on
            in_order.model_id = reversed.model_id
            and in_order.survey_id = reversed.survey_id
            and in_order.order_family_id = reversed.order_family_id
            and in_order.country_id = reversed.country_id
            -- The same questions, or the orders would be compared on other cells.
            and in_order.question_set_id = reversed.question_set_id
    where
        in_order.choice_order = 'forward'
        and reversed.choice_order = 'reverse'
    group by all

),

random_answers as (

    {{ random_answers('world', 'r_above_blind') }}

),

final as (

    select
        designs.model_id,
        designs.prompt_id,
        designs.survey_id,
        designs.population_id,
        designs.coding_id,
        designs.question_selection,
        designs.question_set,
        designs.is_order_controlled,
        designs.scored_country_count,
        designs.country_count,
        designs.mean_question_count,
        designs.common_question_count,
        designs.mean_pearson_r,
        case
            when designs.country_count = 0
                then coalesce(designs.shared_null_reason, 'no_country_with_r')
        end as null_reason,
        intervals.ci_low,
        intervals.ci_high,
        coalesce(
            case
                when designs.country_count = 0
                    then coalesce(designs.shared_null_reason, 'no_country_with_r')
            end,
            intervals.interval_null_reason
        ) as interval_null_reason,
        designs.country_ranking_reliability,
        designs.demeaned_country_ranking_reliability,
        intervals.r_rank as model_rank,
        intervals.r_rank_low as model_rank_low,
        intervals.r_rank_high as model_rank_high,
        intervals.ranked_count as ranked_model_count,
        intervals.r_ranking_reliability as model_ranking_reliability,
        intervals.r_ranking_null_reason as model_ranking_null_reason,
        designs.lowest_pearson_r,
        designs.highest_pearson_r,
        designs.mean_common_pearson_r,
        designs.mean_blind_baseline_r,
        designs.blind_country_count,
        designs.mean_r_above_blind,
        intervals.r_above_blind_ci_low,
        intervals.r_above_blind_ci_high,
        intervals.r_above_blind_p_value,
        intervals.r_above_blind_q_value,
        intervals.r_above_blind_family,
        random_answers.random_r_above_blind,
        random_answers.random_r_above_blind_low,
        random_answers.random_r_above_blind_high,
        random_answers.random_place,
        random_answers.country_free_r_above_blind,
        designs.mean_skill,
        designs.mean_country_gain,
        designs.mean_demeaned_pearson_r,
        intervals.demeaned_ci_low,
        intervals.demeaned_ci_high,
        designs.demeaned_country_count,
        designs.mean_best_other_country_r,
        designs.best_other_country_count,
        designs.mean_option_position_r,
        designs.mean_shuffled_countries_r,
        designs.mean_country_free_r,
        designs.mean_rho0,
        designs.mean_blind_rho0,
        designs.mean_noise_ceiling,
        designs.mean_split_half_ceiling,
        designs.split_half_country_count,
        designs.mean_absolute_error,
        designs.mean_wasserstein_1,
        designs.mean_jensen_shannon_distance,
        designs.mean_off_choice_mass,
        case
            when designs.cutoff_year != designs.publication_year
                then designs.cutoff_year > designs.publication_year
        end as survey_precedes_cutoff,
        case
            when designs.population_id is null then 'no_survey_loaded'
            when designs.cutoff_year is null then 'training_cutoff_unknown'
            when designs.publication_year is null then 'publication_unknown'
            when designs.cutoff_year = designs.publication_year then 'same_year'
        end as survey_precedes_cutoff_null_reason,
        order_spreads.order_spread,
        coalesce(order_spreads.order_spread_country_count, 0) as order_spread_country_count
    from designs
    left outer join order_spreads
        on
            designs.model_id = order_spreads.model_id
            and designs.survey_id = order_spreads.survey_id
            and designs.order_family_id = order_spreads.order_family_id
    left outer join intervals
        on
            designs.model_id = intervals.model_id
            and designs.prompt_id = intervals.prompt_id
            and designs.survey_id = intervals.survey_id
    left outer join random_answers
        on
            designs.model_id = random_answers.model_id
            and designs.prompt_id = random_answers.prompt_id
            and designs.survey_id = random_answers.survey_id

)

select * from final
