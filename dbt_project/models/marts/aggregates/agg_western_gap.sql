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
        max(family) filter (where {{ gap }} and {{ above_blind }}) as test_family
    from intervals
    where area_kind in ('western_paper', 'western_weog', 'western_inglehart_welzel')
    group by all

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

)

select * from final
