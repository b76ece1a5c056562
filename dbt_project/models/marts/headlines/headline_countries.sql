with

designs as (

    select * from {{ ref('int_headline_designs').include(database=false) }}

),

surveys as (

    select * from {{ ref('dim_surveys').include(database=false) }}

),

countries as (

    select * from {{ ref('agg_country_correlations').include(database=false) }}

),

places as (

    select * from {{ ref('dim_countries').include(database=false) }}

),

final as (

    select
        designs.model,
        surveys.survey_name as survey,
        coalesce(places.country_name, countries.country_id) as country,
        places.continent,
        countries.pearson_r,
        countries.ci_low,
        countries.ci_high,
        countries.blind_baseline_r,
        countries.r_above_blind,
        countries.demeaned_pearson_r,
        countries.demeaned_rank,
        countries.demeaned_rank_low,
        countries.demeaned_rank_high,
        countries.demeaned_ranking_reliability,
        countries.question_count,
        countries.null_reason,
        designs.design,
        designs.is_order_controlled,
        designs.model_id,
        designs.prompt_id,
        designs.survey_id,
        countries.country_id
    from designs
    inner join surveys on designs.survey_id = surveys.survey_id
    inner join countries
        on
            designs.model_id = countries.model_id
            and designs.prompt_id = countries.prompt_id
            and designs.survey_id = countries.survey_id
    left outer join places on countries.country_id = places.country_id

)

select * from final
