{#-
  Differences between two designs with the names and settings of both sides; `own_columns` are the
  columns that one comparison has beside those of all.
-#}
{% macro named_deltas(comparisons, own_columns) -%}
with

deltas as (

    select * from {{ ref('int_paired_deltas') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

final as (

    select
        deltas.survey_id,
        deltas.model_id,
        deltas.prompt_id,
        deltas.other_model_id,
        deltas.area_kind,
        deltas.area_id,
        deltas.measure,
        models.display_name,
        other_models.display_name as other_display_name,
        models.family as model_family,
        {%- for column in own_columns %}
        {{ column }},
        {%- endfor %}
        prompts.chat_mode,
        prompts.template_id,
        prompts.coding_id,
        prompts.answer_style,
        prompts.choice_order,
        deltas.is_order_controlled,
        models.quantization,
        other_models.quantization as other_quantization,
        deltas.model_estimate,
        deltas.other_estimate,
        deltas.estimate as delta,
        deltas.ci_low,
        deltas.ci_high,
        deltas.standard_error,
        deltas.smallest_detectable_delta,
        deltas.interval_null_reason,
        deltas.p_value,
        deltas.q_value,
        deltas.family as test_family,
        deltas.family_test_count,
        deltas.q_null_reason,
        deltas.verdict,
        deltas.verdict_null_reason,
        deltas.country_count,
        deltas.question_count,
        deltas.battery_count
    from deltas
    inner join models on deltas.model_id = models.model_id
    inner join models as other_models on deltas.other_model_id = other_models.model_id
    inner join prompts on deltas.prompt_id = prompts.prompt_id
    inner join prompts as other_prompts on deltas.other_prompt_id = other_prompts.prompt_id
    where deltas.comparison in ({% for name in comparisons %}'{{ name }}'{{ ', ' if not loop.last }}{% endfor %})

)

select * from final
{%- endmacro %}
