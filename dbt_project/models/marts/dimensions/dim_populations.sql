with

loads as (

    select * from {{ ref('stg_survey_loads') }}

),

human_mean_scores as (

    select * from {{ ref('int_human_mean_scores') }}

),

reference_populations as (

    select * from {{ ref('int_reference_populations') }}

),

populations as (

    select
        population_id,
        survey_id,
        wave_selection,
        weighting,
        breakdown,
        subgroup_id,
        count(*) as load_count,
        bool_and(has_counts) as has_counts,
        bool_and(has_dont_know_codes) as has_dont_know_codes,
        max(loaded_at) as last_loaded_at
    from loads
    group by all

),

coverage as (

    select
        population_id,
        count(distinct country_id) as country_count,
        count(distinct question_id) as question_count,
        min(first_year) as first_year,
        max(last_year) as last_year
    from human_mean_scores
    group by all

),

final as (

    select
        populations.population_id,
        populations.survey_id,
        populations.wave_selection,
        populations.weighting,
        populations.breakdown,
        populations.subgroup_id,
        {{ subgroup_part('populations.subgroup_id', 'sex') }} as sex,
        {{ subgroup_part('populations.subgroup_id', 'age') }} as age_group,
        {{ subgroup_part('populations.subgroup_id', 'education') }} as education,
        {{ subgroup_part('populations.subgroup_id', 'urban') }} as settlement,
        cast({{ subgroup_part('populations.subgroup_id', 'half') }} as integer) as half,
        cast({{ subgroup_part('populations.subgroup_id', 'split') }} as integer) as split,
        reference_populations.population_id is not null as is_reference,
        populations.load_count,
        populations.has_counts,
        case
            when not populations.has_counts
                then cast({{ var_number('assumed_respondents') }} as bigint)
        end as assumed_respondents,
        populations.has_dont_know_codes,
        coalesce(coverage.country_count, 0) as country_count,
        coalesce(coverage.question_count, 0) as question_count,
        coverage.first_year,
        coverage.last_year,
        populations.last_loaded_at
    from populations
    left outer join coverage on populations.population_id = coverage.population_id
    left outer join reference_populations
        on populations.population_id = reference_populations.population_id

)

select * from final
