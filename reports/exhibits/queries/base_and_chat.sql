with

measures as (

    select *
    from marts.cmp_base_chat
    where area_kind = 'world'

),

pairs as (

    select
        agreement.*,
        demeaned.delta as demeaned_delta,
        demeaned.ci_low as demeaned_ci_low,
        demeaned.ci_high as demeaned_ci_high,
        case agreement.comparison
            when 'base_chat_weights' then 'chat weights'
            when 'base_chat_template' then 'chat template'
            else 'weights and template'
        end as effect,
        list_position(
            ['base_chat_weights', 'base_chat_template', 'base_chat_total'], agreement.comparison
        ) as effect_order
    from measures as agreement
    left outer join measures as demeaned
        on
            agreement.comparison = demeaned.comparison
            and agreement.survey_id = demeaned.survey_id
            and agreement.model_id = demeaned.model_id
            and agreement.prompt_id = demeaned.prompt_id
            and agreement.other_model_id = demeaned.other_model_id
            and agreement.other_prompt_id = demeaned.other_prompt_id
            and demeaned.measure = 'demeaned_pearson_r'
    where agreement.measure = 'pearson_r'

),

-- The chat model, what is compared, and what tells designs apart.
named as (

    select
        *,
        concat_ws(
            ', ',
            concat_ws(' ', display_name, quantization) || ': ' || effect,
            if(count(distinct survey_id) over () > 1, survey_id, null),
            if(count(distinct template_id) over () > 1, template_id || ' template', null),
            if(count(distinct coding_id) over () > 1, coding_id || ' coding', null),
            if(count(distinct answer_style) over () > 1, answer_style || ' answers', null)
        ) as described
    from pairs

)

select
    described || if(
        count(*) over (partition by described) > 1,
        ' (' || model_id[:6] || ' ' || prompt_id[:6] || ')',
        ''
    ) as pair_name,
    concat_ws(' ', other_display_name, other_quantization) as other_name,
    chat_mode,
    other_chat_mode,
    other_estimate,
    model_estimate,
    delta,
    ci_low,
    ci_high,
    smallest_detectable_delta,
    verdict,
    coalesce(verdict_null_reason, interval_null_reason) as null_reason,
    demeaned_delta,
    demeaned_ci_low,
    demeaned_ci_high,
    country_count,
    question_count,
    is_order_controlled,
    row_number() over (
        order by
            display_name,
            quantization,
            survey_id,
            template_id,
            coding_id,
            answer_style,
            model_id,
            effect_order,
            prompt_id,
            other_model_id,
            other_prompt_id
    ) as rank
from named
order by rank
