with

human_mean_scores as (

    select * from {{ ref('fct_human_mean_scores') }}

),

reference_populations as (

    select * from {{ ref('int_reference_populations') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

human_categories as (

    select
        human_mean_scores.survey_id,
        human_mean_scores.population_id,
        human_mean_scores.coding_id,
        human_mean_scores.category_id,
        human_mean_scores.country_id,
        'human' as source_id,
        'human' as source_kind,
        cast(null as varchar) as model_id,
        cast(null as varchar) as prompt_id,
        human_mean_scores.question_selection,
        'available' as question_set,
        count(*) as question_count,
        avg(questions.polarity * human_mean_scores.human_mean_score) as keyed_mean_score,
        avg(questions.polarity * human_mean_scores.human_mean_score) as human_keyed_mean_score
    from human_mean_scores
    inner join reference_populations
        on human_mean_scores.population_id = reference_populations.population_id
    inner join questions on human_mean_scores.question_id = questions.question_id
    where
        questions.polarity is not null
        and human_mean_scores.human_mean_score is not null
    group by all

),

model_categories as (

    select
        survey_id,
        population_id,
        coding_id,
        category_id,
        country_id,
        model_id || ':' || prompt_id as source_id,
        'model' as source_kind,
        model_id,
        prompt_id,
        question_selection,
        question_set,
        count(*) as question_count,
        avg(polarity * llm_mean_score) as keyed_mean_score,
        avg(polarity * human_mean_score) as human_keyed_mean_score
    from cells
    where polarity is not null
    group by all

),

final as (

    select * from human_categories
    union all
    select * from model_categories

)

select * from final
