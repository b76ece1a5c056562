with

intervals as (

    select * from {{ ref('int_correlation_intervals') }}

),

country_correlations as (

    select * from {{ ref('agg_country_correlations') }}

),

designs as (

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
        avg(skill) as mean_skill,
        count(*) filter (where skill > 0) as countries_with_skill,
        avg(mean_off_choice_mass) as mean_off_choice_mass
    from country_correlations
    group by all

),

estimates as (

    select
        model_id,
        prompt_id,
        survey_id,
        {{ of_measure('country_count', 'pearson_r') }} as country_count,
        {{ of_measure('estimate', 'pearson_r') }} as pearson_r,
        {{ of_measure('ci_low', 'pearson_r') }} as pearson_r_ci_low,
        {{ of_measure('ci_high', 'pearson_r') }} as pearson_r_ci_high,
        {{ of_measure('estimate', 'r_above_blind') }} as r_above_blind,
        {{ of_measure('ci_low', 'r_above_blind') }} as r_above_blind_ci_low,
        {{ of_measure('ci_high', 'r_above_blind') }} as r_above_blind_ci_high,
        {{ of_measure('q_value', 'r_above_blind') }} as r_above_blind_q_value,
        {{ of_measure('q_null_reason', 'r_above_blind') }} as r_above_blind_q_null_reason,
        {{ of_measure('estimate', 'demeaned_pearson_r') }} as demeaned_pearson_r,
        {{ of_measure('ci_low', 'demeaned_pearson_r') }} as demeaned_pearson_r_ci_low,
        {{ of_measure('ci_high', 'demeaned_pearson_r') }} as demeaned_pearson_r_ci_high,
        {{ of_measure('estimate', 'country_gain') }} as country_gain,
        {{ of_measure('ci_low', 'country_gain') }} as country_gain_ci_low,
        {{ of_measure('ci_high', 'country_gain') }} as country_gain_ci_high
    from intervals
    where area_kind = 'world'
    group by all

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
        coalesce(estimates.country_count, 0) as country_count,
        estimates.pearson_r,
        estimates.pearson_r_ci_low,
        estimates.pearson_r_ci_high,
        case when estimates.pearson_r is null then 'no_country_with_r' end as null_reason,
        estimates.r_above_blind,
        estimates.r_above_blind_ci_low,
        estimates.r_above_blind_ci_high,
        estimates.r_above_blind_q_value,
        case
            when estimates.r_above_blind_q_value is not null then null
            when estimates.r_above_blind is null then 'no_country_with_r'
            else estimates.r_above_blind_q_null_reason
        end as q_null_reason,
        estimates.demeaned_pearson_r,
        estimates.demeaned_pearson_r_ci_low,
        estimates.demeaned_pearson_r_ci_high,
        estimates.country_gain,
        estimates.country_gain_ci_low,
        estimates.country_gain_ci_high,
        designs.mean_skill,
        designs.countries_with_skill,
        designs.mean_off_choice_mass
    from designs
    left outer join estimates
        on
            designs.model_id = estimates.model_id
            and designs.prompt_id = estimates.prompt_id
            and designs.survey_id = estimates.survey_id

)

select * from final
