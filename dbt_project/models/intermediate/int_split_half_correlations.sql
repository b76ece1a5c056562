with

loads as (

    select * from {{ ref('stg_survey_loads') }}

),

reference_populations as (

    select * from {{ ref('int_reference_populations') }}

),

members as (

    select * from {{ ref('int_question_set_members') }}

),

human_mean_scores as (

    select * from {{ ref('fct_human_mean_scores') }}

),

populations as (

    select distinct
        population_id,
        survey_id,
        wave_selection,
        weighting,
        breakdown,
        subgroup_id,
        {{ subgroup_part('subgroup_id', 'half') }} as half
    from loads

),

-- Halves of the very people of a reference population: same survey, waves and weighting.
splits as (

    select
        people.population_id,
        halves.breakdown as split_id,
        max(halves.population_id) filter (where halves.half = '1') as first_half_id,
        max(halves.population_id) filter (where halves.half = '2') as second_half_id
    from reference_populations
    inner join populations as people
        on
            reference_populations.population_id = people.population_id
            and people.subgroup_id = 'all'
    inner join populations as halves
        on
            people.survey_id = halves.survey_id
            and people.wave_selection = halves.wave_selection
            and people.weighting = halves.weighting
            and halves.half is not null
    group by all

),

compared as (

    select
        members.population_id,
        members.coding_id,
        members.country_id,
        members.question_set_id,
        splits.split_id,
        first_half.human_mean_score as first_score,
        second_half.human_mean_score as second_score
    from members
    inner join splits on members.population_id = splits.population_id
    left outer join human_mean_scores as first_half
        on
            splits.first_half_id = first_half.population_id
            and members.coding_id = first_half.coding_id
            and members.question_id = first_half.question_id
            and members.country_id = first_half.country_id
    left outer join human_mean_scores as second_half
        on
            splits.second_half_id = second_half.population_id
            and members.coding_id = second_half.coding_id
            and members.question_id = second_half.question_id
            and members.country_id = second_half.country_id

),

measured as (

    select
        population_id,
        coding_id,
        country_id,
        question_set_id,
        split_id,
        count(*) as question_count,
        count(first_score) = count(*) and count(second_score) = count(*) as has_both_halves,
        {{ pearson_r('first_score', 'second_score', var_number('minimum_questions')) }} as pearson_r
    from compared
    group by all

),

final as (

    select
        population_id,
        coding_id,
        country_id,
        question_set_id,
        split_id,
        question_count,
        case when has_both_halves then pearson_r end as pearson_r,
        case
            when question_count < {{ var_number('minimum_questions') }} then 'too_few_questions'
            when not has_both_halves then 'question_not_in_both_halves'
            when pearson_r is null then 'no_variance_in_survey'
        end as null_reason
    from measured

)

select * from final
