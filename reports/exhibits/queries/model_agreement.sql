with

-- Orders of the choices are replaced by their average, as among the designs that one can choose.
designs as (

    select
        agg.*,
        dim_models.display_name,
        dim_models.quantization,
        dim_prompts.template_id,
        dim_prompts.wording_set,
        dim_prompts.answer_style,
        dim_prompts.choice_order,
        dim_prompts.chat_mode,
        dim_prompts.elicitation
    from marts.agg_model_summary as agg
    inner join marts.dim_models on agg.model_id = dim_models.model_id
    inner join marts.dim_prompts on agg.prompt_id = dim_prompts.prompt_id
    qualify
        dim_prompts.is_derived
        or not bool_or(dim_prompts.is_derived) over (
            partition by agg.model_id, agg.survey_id, dim_prompts.order_family_id
        )

),

-- The model, and what tells designs apart.
named as (

    select
        *,
        concat_ws(
            ', ',
            concat_ws(' ', display_name, quantization),
            if(count(distinct survey_id) over () > 1, survey_id, null),
            if(count(distinct template_id) over () > 1, template_id || ' template', null),
            if(count(distinct wording_set) over () > 1, wording_set || ' wordings', null),
            if(count(distinct coding_id) over () > 1, coding_id || ' coding', null),
            if(count(distinct answer_style) over () > 1, answer_style || ' answers', null),
            if(
                count(distinct choice_order) over () > 1,
                if(choice_order = 'averaged', 'orders averaged', choice_order || ' order only'),
                null
            ),
            if(count(distinct chat_mode) over () > 1, 'chat ' || chat_mode, null),
            if(count(distinct elicitation) over () > 1, elicitation, null)
        ) as described
    from designs

)

select
    described || if(
        count(*) over (partition by described) > 1,
        ' (' || model_id[:6] || ' ' || prompt_id[:6] || ')',
        ''
    ) as design_name,
    mean_pearson_r,
    ci_low,
    ci_high,
    mean_blind_baseline_r,
    mean_r_above_blind,
    r_above_blind_ci_low,
    r_above_blind_ci_high,
    r_above_blind_q_value,
    random_r_above_blind,
    random_r_above_blind_low,
    random_r_above_blind_high,
    random_place,
    model_rank,
    model_rank_low,
    model_rank_high,
    ranked_model_count,
    model_ranking_reliability,
    order_spread,
    country_count,
    is_order_controlled,
    coalesce(null_reason, interval_null_reason) as null_reason,
    interval_null_reason,
    model_id,
    prompt_id,
    population_id
from named
order by mean_pearson_r desc nulls last, design_name, model_id, prompt_id, population_id
