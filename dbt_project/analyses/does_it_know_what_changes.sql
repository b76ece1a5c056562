{{ imports('agg_change_correlations', 'dim_models', 'dim_prompts') }}

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        change_correlations.survey_id,
        change_correlations.earlier_year,
        change_correlations.later_year,
        change_correlations.change_r,
        change_correlations.change_r_ci_low,
        change_correlations.change_r_ci_high,
        change_correlations.change_r_p_value,
        change_correlations.demeaned_change_r,
        change_correlations.demeaned_change_r_ci_low,
        change_correlations.demeaned_change_r_ci_high,
        change_correlations.demeaned_change_r_p_value,
        change_correlations.right_sign_share,
        change_correlations.clear_cell_count,
        change_correlations.llm_change_size,
        change_correlations.human_change_size,
        change_correlations.country_count,
        change_correlations.question_count,
        change_correlations.null_reason,
        change_correlations.demeaned_null_reason,
        prompts.is_order_controlled
    from change_correlations
    inner join models on change_correlations.model_id = models.model_id
    inner join prompts on change_correlations.prompt_id = prompts.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    is_order_controlled desc,
    earlier_year asc,
    later_year asc,
    change_r desc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc
