with

compared as (

    select
        cmp.*,
        dim_prompts.template_id,
        dim_prompts.coding_id,
        dim_prompts.answer_style,
        dim_prompts.choice_order,
        dim_prompts.chat_mode,
        dim_prompts.elicitation
    from marts.cmp_quantization as cmp
    inner join marts.dim_prompts on cmp.prompt_id = dim_prompts.prompt_id
    -- Orders of the choices are replaced by their average, as among the designs that one can choose.
    qualify
        dim_prompts.is_derived
        or not bool_or(dim_prompts.is_derived) over (
            partition by
                cmp.model_id, cmp.other_model_id, cmp.survey_id, dim_prompts.order_family_id
        )

),

-- The two files, and what tells designs apart.
named as (

    select
        *,
        concat_ws(
            ', ',
            display_name || ' ' || coalesce(quantization, 'one file')
            || ' beside ' || coalesce(other_quantization, 'another'),
            if(count(distinct survey_id) over () > 1, survey_id, null),
            if(count(distinct template_id) over () > 1, template_id || ' template', null),
            if(count(distinct coding_id) over () > 1, coding_id || ' coding', null),
            if(count(distinct answer_style) over () > 1, answer_style || ' answers', null),
            if(count(distinct choice_order) over () > 1, choice_order || ' order', null),
            if(count(distinct chat_mode) over () > 1, 'chat ' || chat_mode, null),
            if(count(distinct elicitation) over () > 1, elicitation, null)
        ) as described
    from compared

)

select
    described || if(
        count(*) over (partition by described) > 1,
        ' (' || model_id[:6] || ' ' || other_model_id[:6] || ' ' || prompt_id[:6] || ')',
        ''
    ) as pair_name,
    answer,
    null_reason,
    rms_score_drift,
    rms_noise_floor,
    mean_absolute_score_drift,
    modal_answer_changed_share,
    pearson_r,
    other_pearson_r,
    pearson_r_delta,
    pearson_r_delta_ci_low,
    pearson_r_delta_ci_high,
    scored_cell_count,
    country_count,
    file_bytes,
    other_file_bytes,
    row_number() over (
        order by
            display_name,
            file_bytes,
            other_file_bytes,
            described,
            model_id,
            other_model_id,
            prompt_id,
            survey_id
    ) as rank
from named
order by rank
