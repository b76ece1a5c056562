with

designs as (

    select * from {{ ref('int_headline_designs').include(database=false) }}

),

surveys as (

    select * from {{ ref('dim_surveys').include(database=false) }}

),

agreement as (

    select * from {{ ref('agg_category_correlations').include(database=false) }}

),

categories as (

    select * from {{ ref('dim_categories').include(database=false) }}

),

final as (

    select
        designs.model,
        surveys.survey_name as survey,
        coalesce(categories.category_name, agreement.category_id) as category,
        agreement.rho0_above_blind,
        agreement.rho0,
        agreement.blind_rho0,
        agreement.pearson_r,
        agreement.mean_absolute_error,
        agreement.category_rank,
        agreement.category_rank_low,
        agreement.category_rank_high,
        agreement.category_ranking_reliability,
        agreement.question_count,
        agreement.null_reason,
        designs.design,
        designs.is_order_controlled,
        designs.model_id,
        designs.prompt_id,
        designs.survey_id,
        agreement.category_id
    from designs
    inner join surveys on designs.survey_id = surveys.survey_id
    inner join agreement
        on
            designs.model_id = agreement.model_id
            and designs.prompt_id = agreement.prompt_id
            and designs.survey_id = agreement.survey_id
    left outer join categories on agreement.category_id = categories.category_id

)

select * from final
