with

axes as (

    select * from {{ ref('int_cultural_axes') }}

),

indicators as (

    select * from {{ ref('indicators') }}

),

correlations as (

    select * from {{ ref('int_indicator_correlations') }}

),

final as (

    select
        axes.indicator_id,
        axes.axis_id,
        indicators.indicator_name,
        indicators.indicator_order,
        indicators.axis_id = axes.axis_id as is_marker,
        correlations.population_id,
        axes.loading,
        axes.score_coefficient,
        correlations.mean_value,
        correlations.standard_deviation,
        correlations.country_count,
        correlations.respondents,
        axes.explained_variance,
        axes.null_reason
    from axes
    inner join indicators on axes.indicator_id = indicators.indicator_id
    left outer join correlations
        on
            axes.indicator_id = correlations.indicator_id
            and axes.indicator_id = correlations.other_indicator_id

)

select * from final
