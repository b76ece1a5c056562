with

moments as (

    select * from {{ ref('int_indicator_moments') }}

),

reference_populations as (

    select * from {{ ref('int_reference_populations') }}

),

-- Every country counts the same, however many were asked there; in one order, for the last digit.
pooled as (

    select
        moments.population_id,
        moments.deletion,
        moments.indicator_id,
        moments.other_indicator_id,
        count(*) as country_count,
        cast(sum(moments.respondents) as bigint) as respondents,
        avg(moments.mean_value order by moments.country_id asc) as mean_value,
        avg(moments.other_mean_value order by moments.country_id asc) as other_mean_value,
        avg(moments.mean_square order by moments.country_id asc) as mean_square,
        avg(moments.other_mean_square order by moments.country_id asc) as other_mean_square,
        avg(moments.mean_product order by moments.country_id asc) as mean_product
    from moments
    inner join reference_populations
        on moments.population_id = reference_populations.population_id
    where moments.deletion = {{ var_text("cultural_map_deletion") }}
    group by all

),

varied as (

    select
        *,
        sqrt({{ not_negative('mean_square - mean_value * mean_value') }}) as standard_deviation,
        sqrt({{ not_negative('other_mean_square - other_mean_value * other_mean_value') }})
            as other_standard_deviation
    from pooled

),

final as (

    select
        population_id,
        deletion,
        indicator_id,
        other_indicator_id,
        country_count,
        respondents,
        mean_value,
        standard_deviation,
        case
            when standard_deviation is null or other_standard_deviation is null then null
            when standard_deviation < 1e-6 or other_standard_deviation < 1e-6 then null
            when indicator_id = other_indicator_id then 1.0
            else greatest(-1.0, least(
                    1.0,
                    (mean_product - mean_value * other_mean_value)
                    / (standard_deviation * other_standard_deviation)
                ))
        end as pearson_r
    from varied

)

select * from final
