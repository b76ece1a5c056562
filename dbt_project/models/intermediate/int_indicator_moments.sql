with

loads as (

    select * from {{ ref('stg_survey_loads') }}

),

moments as (

    select * from {{ ref('stg_indicator_moments') }}

),

places as (

    select distinct
        load_id,
        country_id,
        wave
    from moments

),

-- All moments of a country come from one load and wave, or they would be of different people.
preferred as (

    select
        loads.population_id,
        places.load_id,
        places.country_id,
        places.wave
    from places
    inner join loads on places.load_id = loads.load_id
    qualify
        row_number() over (
            partition by loads.population_id, places.country_id
            order by loads.loaded_at desc, loads.load_id asc, places.wave desc
        ) = 1

),

final as (

    select
        preferred.population_id,
        preferred.load_id,
        preferred.wave,
        preferred.country_id,
        moments.deletion,
        moments.indicator_id,
        moments.other_indicator_id,
        moments.respondents,
        moments.sum_of_weights,
        moments.sum_of_values / moments.sum_of_weights as mean_value,
        mirrored.sum_of_values / moments.sum_of_weights as other_mean_value,
        moments.sum_of_squares / moments.sum_of_weights as mean_square,
        mirrored.sum_of_squares / moments.sum_of_weights as other_mean_square,
        moments.sum_of_products / moments.sum_of_weights as mean_product,
        moments.sum_of_squared_weights,
        moments.squared_weight_values,
        mirrored.squared_weight_values as other_squared_weight_values,
        moments.squared_weight_products
    from preferred
    inner join moments
        on
            preferred.load_id = moments.load_id
            and preferred.wave = moments.wave
            and preferred.country_id = moments.country_id
    inner join moments as mirrored
        on
            moments.load_id = mirrored.load_id
            and moments.wave = mirrored.wave
            and moments.country_id = mirrored.country_id
            and moments.deletion = mirrored.deletion
            and moments.indicator_id = mirrored.other_indicator_id
            and moments.other_indicator_id = mirrored.indicator_id

)

select * from final
