with

groups as (

    select *
    from {{ ref('int_subject_mean_scores') }}
    where
        group_id is not null
        and group_id not like 'year=%'
        and llm_mean_score is not null

),

countries as (

    select * from {{ ref('fct_mean_scores') }}

),

divided as (

    select
        *,
        regexp_replace(group_id, '=[^,]*', '', 'g') as division_id
    from groups

),

group_counts as (

    select
        model_id,
        prompt_id,
        survey_id,
        division_id,
        count(distinct group_id) as group_count
    from divided
    group by all

),

-- Groups differ from the mean of all of them; where one cannot be compared, there is no such mean.
counted as (

    select
        divided.*,
        group_counts.group_count > 1
        and count(divided.human_mean_score) over cell = group_counts.group_count as is_whole,
        avg(divided.llm_mean_score) over cell as mean_llm_score,
        avg(divided.human_mean_score) over cell as mean_human_score
    from divided
    inner join group_counts
        on
            divided.model_id = group_counts.model_id
            and divided.prompt_id = group_counts.prompt_id
            and divided.survey_id = group_counts.survey_id
            and divided.division_id = group_counts.division_id
    window cell as (
        partition by
            divided.model_id,
            divided.prompt_id,
            divided.question_id,
            divided.country_id,
            divided.division_id
    )

),

final as (

    select
        counted.model_id,
        counted.prompt_id,
        counted.survey_id,
        counted.question_id,
        counted.country_id,
        counted.group_id,
        counted.division_id,
        counted.battery_id,
        counted.llm_mean_score,
        counted.human_mean_score,
        counted.human_standard_error,
        counted.total_variation,
        counted.wasserstein_1,
        counted.source_fingerprint,
        countries.llm_mean_score as country_llm_mean_score,
        case when counted.is_whole then counted.llm_mean_score - counted.mean_llm_score end
            as llm_deviation,
        case when counted.is_whole then counted.human_mean_score - counted.mean_human_score end
            as human_deviation
    from counted
    left outer join countries
        on
            counted.model_id = countries.model_id
            and counted.prompt_id = countries.prompt_id
            and counted.question_id = countries.question_id
            and counted.country_id = countries.country_id

)

select * from final
