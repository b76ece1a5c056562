with

points as (

    select * from {{ ref('fct_cultural_map') }}

),

reference_populations as (

    select * from {{ ref('int_reference_populations') }}

),

people as (

    select
        points.*,
        count(*) over (partition by points.population_id) as country_count,
        sum(points.secular_rational) over (partition by points.population_id)
        - points.secular_rational as others_secular_rational,
        sum(points.self_expression) over (partition by points.population_id)
        - points.self_expression as others_self_expression
    from points
    inner join reference_populations
        on points.population_id = reference_populations.population_id
    where points.source_kind = 'human' and points.null_reason is null

),

models as (

    select * from points
    where source_kind = 'model'

),

-- From each model's picture of a country to the people of every country.
compared as (

    select
        models.model_id,
        models.prompt_id,
        models.country_id,
        people.country_id as other_country_id,
        sqrt(
            power(models.secular_rational - people.secular_rational, 2)
            + power(models.self_expression - people.self_expression, 2)
        ) as distance
    from models
    inner join people on models.population_id = people.population_id
    where models.null_reason is null

),

ranked as (

    select
        *,
        rank() over (
            partition by model_id, prompt_id, country_id order by round(distance, 12) asc
        ) as distance_rank
    from compared

),

closest as (

    select
        model_id,
        prompt_id,
        country_id,
        min(other_country_id) filter (where distance_rank = 1) as closest_country_id,
        max(distance_rank) filter (where other_country_id = country_id) as own_country_rank,
        count(*) as country_count
    from ranked
    group by all

),

final as (

    select
        models.model_id,
        models.prompt_id,
        models.country_id,
        models.population_id,
        models.secular_rational as llm_secular_rational,
        models.self_expression as llm_self_expression,
        people.secular_rational as human_secular_rational,
        people.self_expression as human_self_expression,
        sqrt(
            power(models.secular_rational - people.secular_rational, 2)
            + power(models.self_expression - people.self_expression, 2)
        ) as distance,
        sqrt(
            power(
                people.others_secular_rational / nullif(people.country_count - 1, 0)
                - people.secular_rational,
                2
            )
            + power(
                people.others_self_expression / nullif(people.country_count - 1, 0)
                - people.self_expression,
                2
            )
        ) as blind_distance,
        closest.closest_country_id,
        closest.own_country_rank,
        coalesce(closest.country_count, 0) as country_count,
        case
            when models.null_reason is not null then models.null_reason
            when models.country_id = 'ZZZ' then 'country_free'
            when people.country_id is null then 'no_people_on_map'
        end as null_reason
    from models
    left outer join people
        on
            models.population_id = people.population_id
            and models.country_id = people.country_id
    left outer join closest
        on
            models.model_id = closest.model_id
            and models.prompt_id = closest.prompt_id
            and models.country_id = closest.country_id

)

select * from final
