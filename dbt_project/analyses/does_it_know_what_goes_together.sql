{{ imports('agg_item_structure', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        item_structure.survey_id,
        item_structure.structure_r,
        item_structure.structure_ci_low,
        item_structure.structure_ci_high,
        item_structure.shuffled_low,
        item_structure.shuffled_high,
        item_structure.shuffled_p_value,
        item_structure.structure_ceiling,
        item_structure.country_count,
        item_structure.question_count,
        item_structure.pair_count,
        item_structure.null_reason,
        prompts.is_order_controlled
    from item_structure
    inner join models on item_structure.model_id = models.model_id
    inner join prompts on item_structure.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    is_order_controlled desc,
    structure_r desc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc
