with

designs as (

    select * from {{ ref('int_headline_designs').include(database=false) }}

),

surveys as (

    select * from {{ ref('dim_surveys').include(database=false) }}

),

agreement as (

    select * from {{ ref('agg_question_correlations').include(database=false) }}

),

questions as (

    select * from {{ ref('dim_questions').include(database=false) }}

),

categories as (

    select * from {{ ref('dim_categories').include(database=false) }}

),

final as (

    select
        designs.model,
        surveys.survey_name as survey,
        coalesce(questions.short_label, agreement.question_id) as question,
        categories.category_name as category,
        agreement.pearson_r,
        agreement.mean_error,
        agreement.mean_absolute_error,
        agreement.country_count,
        agreement.null_reason,
        designs.design,
        designs.is_order_controlled,
        designs.model_id,
        designs.prompt_id,
        designs.survey_id,
        agreement.question_id
    from designs
    inner join surveys on designs.survey_id = surveys.survey_id
    inner join agreement
        on
            designs.model_id = agreement.model_id
            and designs.prompt_id = agreement.prompt_id
            and designs.survey_id = agreement.survey_id
    left outer join questions on agreement.question_id = questions.question_id
    left outer join categories on agreement.category_id = categories.category_id

)

select * from final
