with

members as (

    select * from {{ ref('int_question_set_members') }}

),

human_mean_scores as (

    select * from {{ ref('fct_human_mean_scores') }}

),

-- A country that lacks one of the questions would be compared on other cells: it is left out.
candidates as (

    select
        members.population_id,
        members.coding_id,
        members.country_id,
        members.question_set_id,
        other_scores.country_id as other_country_id,
        {{ pearson_r(
            'members.human_mean_score',
            'other_scores.human_mean_score',
            var_number('minimum_questions'),
        ) }} as pearson_r
    from members
    inner join human_mean_scores as other_scores
        on
            members.population_id = other_scores.population_id
            and members.coding_id = other_scores.coding_id
            and members.question_id = other_scores.question_id
            and members.country_id != other_scores.country_id
            and other_scores.human_mean_score is not null
    group by
        members.population_id,
        members.coding_id,
        members.country_id,
        members.question_set_id,
        other_scores.country_id
    having count(*) = max(members.question_count)

),

final as (

    select
        population_id,
        coding_id,
        country_id,
        question_set_id,
        case when pearson_r is not null then other_country_id end as best_other_country_id,
        pearson_r as best_other_country_r,
        count(*) over (
            partition by population_id, coding_id, country_id, question_set_id
        ) as other_country_count
    from candidates
    qualify
        row_number() over (
            partition by population_id, coding_id, country_id, question_set_id
            order by pearson_r desc nulls last, other_country_id asc
        ) = 1

)

select * from final
