{{ imports('agg_group_differences', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        group_differences.survey_id,
        group_differences.division_id,
        group_differences.deviation_r,
        group_differences.deviation_r_standard_error,
        group_differences.deviation_r_ci_low,
        group_differences.deviation_r_ci_high,
        group_differences.shuffled_p_value,
        group_differences.stereotyping,
        group_differences.stereotyping_standard_error,
        group_differences.stereotyping_ci_low,
        group_differences.stereotyping_ci_high,
        group_differences.llm_spread,
        group_differences.human_spread,
        group_differences.group_count,
        group_differences.country_count,
        group_differences.question_count,
        group_differences.null_reason,
        group_differences.stereotyping_null_reason,
        prompts.is_order_controlled
    from group_differences
    inner join models on group_differences.model_id = models.model_id
    inner join prompts on group_differences.prompt_id = prompts.prompt_id
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
