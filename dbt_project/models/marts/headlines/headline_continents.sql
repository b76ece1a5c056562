with

designs as (

    select * from {{ ref('int_headline_designs').include(database=false) }}

),

surveys as (

    select * from {{ ref('dim_surveys').include(database=false) }}

),

continents as (

    select * from {{ ref('agg_continent_correlations').include(database=false) }}

),

final as (

    select
        designs.model,
        surveys.survey_name as survey,
        continents.continent,
        continents.pearson_r,
        continents.ci_low,
        continents.ci_high,
        continents.blind_baseline_r,
        continents.r_above_blind,
        continents.demeaned_pearson_r,
        continents.country_count,
        continents.null_reason,
        designs.design,
        designs.is_order_controlled,
        designs.model_id,
        designs.prompt_id,
        designs.survey_id
    from designs
    inner join surveys on designs.survey_id = surveys.survey_id
    inner join continents
        on
            designs.model_id = continents.model_id
            and designs.prompt_id = continents.prompt_id
            and designs.survey_id = continents.survey_id

)

select * from final
