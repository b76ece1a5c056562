with

scored as (

    select
        *,
        cast({{ subgroup_part('group_id', 'year') }} as integer) as year_asked
    from {{ ref('int_subject_mean_scores') }}
    where
        group_id like 'year=%'
        and llm_mean_score is not null

),

final as (

    select
        later.model_id,
        later.prompt_id,
        later.survey_id,
        later.question_id,
        later.country_id,
        later.battery_id,
        earlier.year_asked as earlier_year,
        later.year_asked as later_year,
        earlier.population_id as earlier_population_id,
        later.population_id as later_population_id,
        earlier.wave as earlier_wave,
        later.wave as later_wave,
        earlier.first_year as earlier_fieldwork_year,
        later.first_year as later_fieldwork_year,
        later.llm_mean_score - earlier.llm_mean_score as llm_change,
        -- Two years whose nearest wave is the same have no change of people between them.
        case
            when later.wave > earlier.wave
                then later.human_mean_score - earlier.human_mean_score
        end as human_change,
        case
            when human_change is not null
                then
                    sqrt(
                        power(later.human_standard_error, 2)
                        + power(earlier.human_standard_error, 2)
                    )
        end as human_standard_error,
        case
            when earlier.wave is null or later.wave is null then 'year_not_surveyed'
            when not later.wave > earlier.wave then 'same_wave'
            when human_change is null then 'no_mean_score'
        end as null_reason,
        later.source_fingerprint
    from scored as later
    inner join scored as earlier
        on
            later.model_id = earlier.model_id
            and later.prompt_id = earlier.prompt_id
            and later.question_id = earlier.question_id
            and later.country_id = earlier.country_id
            and later.year_asked > earlier.year_asked

)

select * from final
