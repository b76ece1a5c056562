with

moments as (

    select * from {{ source('raw', 'indicator_moments') }}

),

final as (

    select
        load_id,
        wave,
        country_id,
        deletion,
        indicator_id,
        other_indicator_id,
        respondents,
        sum_of_weights,
        sum_of_values,
        sum_of_squares,
        sum_of_products,
        sum_of_squared_weights,
        squared_weight_values,
        squared_weight_products
    from moments

)

select * from final
