with

changes as (

    select * from {{ ref('int_changes') }}

),

final as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        earlier_year,
        later_year,
        survey_id,
        llm_change,
        human_change,
        human_standard_error,
        earlier_population_id,
        later_population_id,
        earlier_fieldwork_year,
        later_fieldwork_year,
        null_reason
    from changes

)

select * from final
