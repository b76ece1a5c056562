with

structure as (

    select * from {{ ref('int_item_structure') }}

),

designs as (

    select distinct
        model_id,
        prompt_id,
        survey_id,
        population_id,
        coding_id,
        question_selection,
        question_set
    from {{ ref('int_comparable_cells') }}

),

final as (

    select
        designs.model_id,
        designs.prompt_id,
        designs.survey_id,
        designs.population_id,
        designs.coding_id,
        designs.question_selection,
        designs.question_set,
        structure.country_count,
        structure.question_count,
        structure.pair_count,
        structure.structure_r,
        structure.structure_ci_low,
        structure.structure_ci_high,
        structure.battery_count,
        structure.effective_battery_count,
        structure.interval_null_reason,
        structure.shuffled_low,
        structure.shuffled_high,
        structure.shuffled_p_value,
        structure.structure_ceiling,
        structure.null_reason
    from designs
    inner join structure
        on
            designs.model_id = structure.model_id
            and designs.prompt_id = structure.prompt_id
            and designs.survey_id = structure.survey_id

)

select * from final
