with

loads as (

    select * from {{ ref('stg_survey_loads') }}

),

marginals as (

    select * from {{ ref('stg_human_marginals') }}

),

surveys as (

    select * from {{ ref('stg_surveys') }}

),

named as (

    {% for survey_id, population_id in var_value('reference_populations').items() %}
    select
        {{ sql_text(survey_id) }} as survey_id,
        {{ sql_text(population_id) }} as population_id,
    union all
    {% endfor %}
    select
        cast(null as varchar) as survey_id,
        cast(null as varchar) as population_id
    where false

),

populations as (

    select
        loads.survey_id,
        loads.population_id,
        loads.wave_selection,
        loads.weighting,
        loads.subgroup_id,
        max(marginals.wave) as newest_wave,
        count(distinct row(marginals.country_id, marginals.question_id)) filter (
            marginals.code >= 0 and marginals.sum_of_weights > 0
        ) as cell_count
    from loads
    inner join marginals on loads.load_id = marginals.load_id
    group by all

),

ranked as (

    select
        coalesce(surveys.question_survey_id, populations.survey_id) as survey_id,
        populations.population_id,
        named.population_id is not null as is_named,
        row_number() over (
            partition by coalesce(surveys.question_survey_id, populations.survey_id)
            order by
                named.population_id is not null desc,
                {{ reference_order() }}
        ) as preference
    from populations
    left outer join surveys on populations.survey_id = surveys.survey_id
    left outer join named
        on
            coalesce(surveys.question_survey_id, populations.survey_id) = named.survey_id
            and populations.population_id = named.population_id
    -- A group is compared with only where it is named.
    where populations.subgroup_id = 'all' or named.population_id is not null

),

final as (

    select
        survey_id,
        population_id,
        is_named
    from ranked
    where preference = 1

)

select * from final
