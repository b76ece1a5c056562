with

specifications as (

    select * from {{ ref('agg_specification_correlations') }}

),

-- One row a specification and measure.
measures as (

    select
        *,
        unnest(['pearson_r', 'r_above_blind', 'demeaned_pearson_r']) as measure,
        unnest([pearson_r, r_above_blind, demeaned_pearson_r]) as measured
    from specifications

),

final as (

    select
        model_id,
        survey_id,
        measure,
        max(design_count) as design_count,
        count(measured) as specification_count,
        max(cell_count) as cell_count,
        case when count(measured) > 1 then min(measured) end as lowest,
        case when count(measured) > 1 then median(measured) end as median,
        case when count(measured) > 1 then max(measured) end as highest,
        case when count(measured) > 1 then max(measured) - min(measured) end as spread,
        case when count(measured) > 1 then stddev_samp(measured) end as standard_deviation,
        case
            when count(measured) > 1 then null
            when max(design_count) < {{ var_number('minimum_designs') }} then 'too_few_designs'
            else 'too_few_specifications'
        end as null_reason
    from measures
    group by all

)

select * from final
