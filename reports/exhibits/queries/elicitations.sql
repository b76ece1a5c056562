with

described as (

    select
        *,
        concat_ws(
            ', ',
            display_name || ': ' || elicitation || ' beside ' || other_elicitation,
            if(count(distinct survey_id) over () > 1, survey_id, null),
            if(temperature != 1, 'temperature ' || temperature, null),
            if(other_temperature != 1, 'other temperature ' || other_temperature, null),
            if(count(distinct other_template_id) over () > 1, other_template_id || ' template', null),
            if(count(distinct coding_id) over () > 1, coding_id || ' coding', null),
            if(count(distinct wording_set) over () > 1, wording_set || ' wordings', null),
            if(
                count(distinct other_answer_style) over () > 1,
                other_answer_style || ' answers',
                null
            ),
            if(count(distinct choice_order) over () > 1, choice_order || ' order', null),
            if(count(distinct chat_mode) over () > 1, 'chat ' || chat_mode, null)
        ) as described
    from marts.cmp_elicitations

)

select
    described || if(
        count(*) over (partition by described) > 1,
        ' (' || model_id[:6] || ' ' || prompt_id[:6] || ' ' || other_prompt_id[:6] || ')',
        ''
    ) as pair_name,
    display_name,
    elicitation,
    other_elicitation,
    mean_score_pearson_r,
    mean_total_variation,
    mean_wasserstein_1,
    rms_score_difference,
    rms_sampling_error,
    pearson_r,
    other_pearson_r,
    pearson_r_delta,
    pearson_r_delta_ci_low,
    pearson_r_delta_ci_high,
    demeaned_pearson_r_delta,
    demeaned_pearson_r_delta_ci_low,
    demeaned_pearson_r_delta_ci_high,
    verdict,
    verdict_null_reason,
    mean_stated_sum,
    cell_count,
    unanswered_cell_count,
    country_count,
    row_number() over (
        order by
            display_name,
            other_elicitation,
            elicitation,
            described,
            model_id,
            prompt_id,
            other_prompt_id,
            survey_id
    ) as rank
from described
order by rank
