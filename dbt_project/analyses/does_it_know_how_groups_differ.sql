with

differences as (

    select * from {{ ref('agg_group_differences') }}

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
        differences.survey_id,
        differences.division_id,
        differences.deviation_r,
        differences.deviation_r_standard_error,
        differences.shuffled_p_value,
        differences.stereotyping,
        differences.stereotyping_standard_error,
        differences.llm_spread,
        differences.human_spread,
        differences.group_count,
        differences.country_count,
        differences.question_count,
        differences.null_reason,
        differences.stereotyping_null_reason,
        prompts.is_order_controlled
    from differences
    inner join models on differences.model_id = models.model_id
    inner join prompts on differences.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    is_order_controlled desc,
    division_id asc,
    deviation_r desc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc
