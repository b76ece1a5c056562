with

loads as (

    select * from {{ source('raw', 'survey_loads') }}

),

final as (

    select
        load_id,
        survey_id,
        {{ population_id() }} as population_id,
        wave_selection,
        weighting,
        breakdown,
        subgroup_id,
        file_name,
        file_sha256,
        format_id,
        has_counts,
        has_dont_know_codes,
        rows_loaded,
        loaded_at
    from loads

)

select * from final
