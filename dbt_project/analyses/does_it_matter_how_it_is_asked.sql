{{ imports('cmp_elicitations', 'dim_models') }}

final as (

    select
        elicitations.display_name,
        elicitations.elicitation,
        elicitations.other_elicitation,
        elicitations.other_template_id,
        elicitations.other_answer_style,
        elicitations.coding_id,
        elicitations.wording_set,
        elicitations.chat_mode,
        elicitations.choice_order,
        elicitations.survey_id,
        elicitations.cell_count,
        elicitations.mean_score_pearson_r,
        elicitations.mean_total_variation,
        elicitations.mean_wasserstein_1,
        elicitations.rms_score_difference,
        elicitations.rms_sampling_error,
        elicitations.pearson_r,
        elicitations.other_pearson_r,
        elicitations.pearson_r_delta,
        elicitations.pearson_r_delta_ci_low,
        elicitations.pearson_r_delta_ci_high,
        elicitations.verdict,
        elicitations.verdict_null_reason
    from elicitations
    inner join models on elicitations.model_id = models.model_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    other_elicitation asc,
    elicitation asc,
    other_template_id asc,
    other_answer_style asc,
    coding_id asc,
    wording_set asc,
    chat_mode asc,
    choice_order asc,
    survey_id asc
