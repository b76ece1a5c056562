with

loads as (

    select * from {{ ref('stg_survey_loads') }}

),

marginals as (

    select * from {{ ref('stg_human_marginals') }}

),

-- A load has a question of a country when somebody answered it, in the newest such wave.
answered as (

    select
        load_id,
        country_id,
        question_id,
        max(wave) as wave
    from marginals
    where code >= 0 and sum_of_weights > 0
    group by all

),

-- Counts carry what shares lost; then the newest load is the corrected one.
preferred as (

    select
        loads.population_id,
        loads.has_counts,
        loads.has_dont_know_codes,
        answered.load_id,
        answered.country_id,
        answered.question_id,
        answered.wave
    from answered
    inner join loads on answered.load_id = loads.load_id
    qualify
        row_number() over (
            partition by loads.population_id, answered.country_id, answered.question_id
            order by loads.has_counts desc, loads.loaded_at desc, loads.load_id asc
        ) = 1

),

final as (

    select
        preferred.population_id,
        marginals.survey_id,
        preferred.load_id,
        preferred.wave,
        preferred.has_dont_know_codes,
        preferred.country_id,
        preferred.question_id,
        marginals.code,
        case when preferred.has_counts then marginals.respondents end as respondents,
        marginals.sum_of_weights,
        case
            when preferred.has_counts then marginals.sum_of_squared_weights
        end as sum_of_squared_weights
    from preferred
    inner join marginals
        on
            preferred.load_id = marginals.load_id
            and preferred.wave = marginals.wave
            and preferred.country_id = marginals.country_id
            and preferred.question_id = marginals.question_id

)

select * from final
