with

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        population_id,
        coding_id,
        {{ 'true' if var_value('reference_countries') else 'false' }} as is_named,
        count(*) as question_count,
        count(*) filter (
            where reference_country_count >= {{ var_number('minimum_reference_countries') }}
        ) as used_question_count
    from cells
    where is_reference_country
    group by all

)

select * from final
