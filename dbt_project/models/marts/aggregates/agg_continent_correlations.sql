with

country_correlations as (

    select * from {{ ref('agg_country_correlations') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

),

estimates as (

    select * from {{ ref('int_correlation_intervals') }}

),

intervals as (

    {{ intervals_side_by_side('estimates', 'continent') }}

),

continents as (

    select
        country_correlations.model_id,
        country_correlations.prompt_id,
        country_correlations.survey_id,
        countries.continent,
        country_correlations.population_id,
        country_correlations.coding_id,
        country_correlations.question_selection,
        country_correlations.question_set,
        country_correlations.is_order_controlled,
        count(*) as scored_country_count,
        count(country_correlations.pearson_r) as country_count,
        avg(country_correlations.pearson_r) as pearson_r,
        min(country_correlations.pearson_r) as lowest_pearson_r,
        max(country_correlations.pearson_r) as highest_pearson_r,
        avg(country_correlations.blind_baseline_r) filter (
            where country_correlations.pearson_r is not null
        ) as blind_baseline_r,
        count(country_correlations.blind_baseline_r) filter (
            where country_correlations.pearson_r is not null
        ) as blind_country_count,
        avg(country_correlations.demeaned_pearson_r) as demeaned_pearson_r
    from country_correlations
    inner join countries on country_correlations.country_id = countries.country_id
    group by all

),

random_answers as (

    {{ random_answers('continent', 'r_above_blind') }}

),

final as (

    select
        continents.model_id,
        continents.prompt_id,
        continents.survey_id,
        continents.continent,
        continents.population_id,
        continents.coding_id,
        continents.question_selection,
        continents.question_set,
        continents.is_order_controlled,
        continents.scored_country_count,
        continents.country_count,
        continents.pearson_r,
        intervals.ci_low,
        intervals.ci_high,
        intervals.standard_error,
        case
            when continents.country_count = 0 then 'no_country_with_r'
            else intervals.interval_null_reason
        end as interval_null_reason,
        case when continents.country_count = 0 then 'no_country_with_r' end as null_reason,
        continents.lowest_pearson_r,
        continents.highest_pearson_r,
        -- Over the same countries as r or not at all.
        case
            when continents.blind_country_count = continents.country_count
                then continents.blind_baseline_r
        end as blind_baseline_r,
        intervals.r_above_blind,
        coalesce(intervals.r_above_blind_country_count, 0) as r_above_blind_country_count,
        intervals.r_above_blind_ci_low,
        intervals.r_above_blind_ci_high,
        intervals.r_above_blind_p_value,
        intervals.r_above_blind_q_value,
        case
            when intervals.r_above_blind is null then 'no_country_with_blind_baseline'
            else intervals.r_above_blind_q_null_reason
        end as r_above_blind_q_null_reason,
        intervals.r_above_blind_family,
        random_answers.random_r_above_blind,
        random_answers.random_r_above_blind_low,
        random_answers.random_r_above_blind_high,
        random_answers.random_place,
        continents.demeaned_pearson_r,
        intervals.demeaned_ci_low,
        intervals.demeaned_ci_high
    from continents
    left outer join intervals
        on
            continents.model_id = intervals.model_id
            and continents.prompt_id = intervals.prompt_id
            and continents.survey_id = intervals.survey_id
            and continents.continent = intervals.area_id
    left outer join random_answers
        on
            continents.model_id = random_answers.model_id
            and continents.prompt_id = random_answers.prompt_id
            and continents.survey_id = random_answers.survey_id
            and continents.continent = random_answers.area_id

)

select * from final
