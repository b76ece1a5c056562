with

intervals as (

    select * from {{ ref('int_correlation_intervals') }}

),

country_correlations as (

    select * from {{ ref('agg_country_correlations') }}

),

-- Every scored design under every membership, so that a missing gap has a row to say why.
expected as (

    select distinct
        country_correlations.model_id,
        country_correlations.prompt_id,
        country_correlations.survey_id,
        country_correlations.population_id,
        country_correlations.coding_id,
        country_correlations.question_selection,
        country_correlations.question_set,
        country_correlations.is_order_controlled,
        memberships.membership
    from country_correlations
    cross join (
        values ('paper'), ('weog'), ('inglehart_welzel')
    ) as memberships (membership)

),

{% set west = "area_id = 'west'" %}
{% set elsewhere = "area_id = 'elsewhere'" %}
{% set gap = "area_id = 'west_minus_elsewhere'" %}
{% set plain = "measure = 'pearson_r'" %}
{% set above_blind = "measure = 'r_above_blind'" %}
{% set demeaned = "measure = 'demeaned_pearson_r'" %}

estimates as (

    select
        model_id,
        prompt_id,
        survey_id,
        replace(area_kind, 'western_', '') as membership,
        max(country_count) filter (where {{ west }} and {{ above_blind }}) as west_country_count,
        max(country_count) filter (where {{ elsewhere }} and {{ above_blind }})
            as elsewhere_country_count,
        max(estimate) filter (where {{ west }} and {{ plain }}) as west_pearson_r,
        max(estimate) filter (where {{ elsewhere }} and {{ plain }}) as elsewhere_pearson_r,
        max(estimate) filter (where {{ gap }} and {{ plain }}) as pearson_r_gap,
        max(estimate) filter (where {{ west }} and {{ above_blind }}) as west_r_above_blind,
        max(estimate) filter (where {{ elsewhere }} and {{ above_blind }})
            as elsewhere_r_above_blind,
        max(estimate) filter (where {{ gap }} and {{ above_blind }}) as western_gap,
        max(ci_low) filter (where {{ gap }} and {{ above_blind }}) as ci_low,
        max(ci_high) filter (where {{ gap }} and {{ above_blind }}) as ci_high,
        max(standard_error) filter (where {{ gap }} and {{ above_blind }}) as standard_error,
        max(p_value) filter (where {{ gap }} and {{ above_blind }}) as p_value,
        max(q_value) filter (where {{ gap }} and {{ above_blind }}) as q_value,
        max(q_null_reason) filter (where {{ gap }} and {{ above_blind }}) as q_null_reason,
        max(family) filter (where {{ gap }} and {{ above_blind }}) as test_family,
        max(estimate) filter (where {{ gap }} and {{ demeaned }}) as demeaned_gap,
        max(ci_low) filter (where {{ gap }} and {{ demeaned }}) as demeaned_ci_low,
        max(ci_high) filter (where {{ gap }} and {{ demeaned }}) as demeaned_ci_high,
        max(q_value) filter (where {{ gap }} and {{ demeaned }}) as demeaned_q_value,
        max(q_null_reason) filter (where {{ gap }} and {{ demeaned }}) as demeaned_q_null_reason
    from intervals
    where area_kind in ('western_paper', 'western_weog', 'western_inglehart_welzel')
    group by all

),

random_answers as (

    {{ random_answers('western_%', 'gap') }}

),

final as (

    select
        expected.model_id,
        expected.prompt_id,
        expected.survey_id,
        expected.membership,
        expected.population_id,
        expected.coding_id,
        expected.question_selection,
        expected.question_set,
        expected.is_order_controlled,
        coalesce(estimates.west_country_count, 0) as west_country_count,
        coalesce(estimates.elsewhere_country_count, 0) as elsewhere_country_count,
        estimates.west_pearson_r,
        estimates.elsewhere_pearson_r,
        estimates.pearson_r_gap,
        estimates.west_r_above_blind,
        estimates.elsewhere_r_above_blind,
        estimates.western_gap,
        estimates.ci_low,
        estimates.ci_high,
        estimates.standard_error,
        estimates.p_value,
        estimates.q_value,
        estimates.test_family,
        random_answers.random_gap,
        random_answers.random_gap_low,
        random_answers.random_gap_high,
        random_answers.random_place,
        random_answers.country_free_gap,
        estimates.demeaned_gap,
        estimates.demeaned_ci_low,
        estimates.demeaned_ci_high,
        estimates.demeaned_q_value,
        case
            when estimates.demeaned_q_value is not null then null
            when estimates.demeaned_gap is null then 'no_gap'
            else estimates.demeaned_q_null_reason
        end as demeaned_q_null_reason,
        case
            when estimates.western_gap is not null then null
            when coalesce(estimates.west_country_count, 0) = 0 then 'no_western_country'
            else 'no_other_country'
        end as null_reason,
        case
            when estimates.q_value is not null then null
            when estimates.western_gap is null then 'no_gap'
            else estimates.q_null_reason
        end as q_null_reason
    from expected
    left outer join estimates
        on
            expected.model_id = estimates.model_id
            and expected.prompt_id = estimates.prompt_id
            and expected.survey_id = estimates.survey_id
            and expected.membership = estimates.membership
    left outer join random_answers
        on
            expected.model_id = random_answers.model_id
            and expected.prompt_id = random_answers.prompt_id
            and expected.survey_id = random_answers.survey_id
            and 'western_' || expected.membership = random_answers.area_kind
            and random_answers.area_id = 'west_minus_elsewhere'

)

select * from final
