with

people as (

    select *
    from marts.fct_cultural_map
    where
        source_kind = 'human'
        and population_id is not distinct from $population_id

),

answers as (

    select *
    from marts.fct_cultural_map
    where
        source_kind = 'model'
        and model_id = $model_id
        and prompt_id = $prompt_id
        and population_id is not distinct from $population_id

),

places as (

    select
        coalesce(people.country_id, answers.country_id) as country_id,
        people.self_expression as human_self_expression,
        people.self_expression_standard_error as human_self_expression_standard_error,
        people.secular_rational as human_secular_rational,
        people.secular_rational_standard_error as human_secular_rational_standard_error,
        people.null_reason as human_null_reason,
        answers.self_expression as llm_self_expression,
        answers.secular_rational as llm_secular_rational,
        answers.null_reason as llm_null_reason
    from people
    full outer join answers on people.country_id = answers.country_id
    -- Without respondents there is no map, and nothing to show.
    qualify
        count(people.self_expression) over () + count(answers.self_expression) over () > 0

)

select
    places.country_id,
    dim_countries.country_name,
    places.human_self_expression,
    places.human_self_expression_standard_error,
    places.human_secular_rational,
    places.human_secular_rational_standard_error,
    places.human_null_reason,
    places.llm_self_expression,
    places.llm_secular_rational,
    places.llm_null_reason
from places
inner join marts.dim_countries on places.country_id = dim_countries.country_id
order by dim_countries.country_name
