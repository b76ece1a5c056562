with

structure as (

    select * from {{ ref('agg_item_structure') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        structure.survey_id,
        structure.structure_r,
        structure.shuffled_low,
        structure.shuffled_high,
        structure.shuffled_p_value,
        structure.structure_ceiling,
        structure.country_count,
        structure.question_count,
        structure.pair_count,
        structure.null_reason,
        prompts.is_order_controlled
    from structure
    inner join models on structure.model_id = models.model_id
    inner join prompts on structure.prompt_id = prompts.prompt_id
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
