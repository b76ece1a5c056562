{#-
  Keys of the tables that their dimensions lack. Keys are found by the names of columns: with
  `{'model_id': 'dim_models'}`, those of `model_id` and `other_model_id` must be in `dim_models`. One
  row per table and such column, as `fail_naming` takes them.
-#}
{% macro unknown_keys(tables, keys) -%}
    {%- set checks = [] -%}
    {%- for dimension in keys.values() -%}
        {%- do ref(dimension) -%}
    {%- endfor -%}
    {%- for table in tables -%}
        {%- set relation = ref(table) -%}
        {%- if execute -%}
            {%- set node = graph.nodes.values()
                | selectattr('relation_name', 'equalto', relation | string) | first -%}
            {%- for column in node.columns -%}
                {%- for key, dimension in keys.items()
                    if column == key or column.endswith('_' ~ key) -%}
                    {%- do checks.append((relation, column, key, ref(dimension))) -%}
                {%- endfor -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for relation, column, key, dimension in checks -%}
        {%- if not loop.first %}
union all
        {%- endif %}
select {
    'rule': '{{ relation.identifier }}.{{ column }} is not in {{ dimension.identifier }}',
    'row_count': count(*),
    'example': min({{ column }})
} as broken
from {{ relation }}
where
    {{ column }} is not null
    and {{ column }} not in (select {{ key }} from {{ dimension }} where {{ key }} is not null)
    {%- endfor -%}
{%- endmacro %}

{#- The marts with keys, by the tag of the part that they belong to. -#}
{% macro tables_with_keys(part) -%}
    {{- return({
        'human': [
            'dim_categories', 'dim_choices', 'dim_citations', 'dim_fieldwork', 'dim_populations',
            'dim_questions', 'fct_human_choice_shares', 'fct_human_mean_scores',
        ],
        'model': [
            'agg_category_correlations', 'agg_category_country_correlations', 'agg_category_scores',
            'agg_change_correlations',
            'agg_continent_correlations', 'agg_country_correlations', 'agg_distances',
            'agg_group_correlations', 'agg_group_differences', 'agg_item_structure',
            'agg_model_summary', 'agg_prompt_errors', 'agg_question_correlations',
            'agg_question_steering', 'agg_specification_correlations', 'agg_specification_spread',
            'agg_steering',
            'agg_variance_components', 'agg_western_gap', 'dim_reference_countries', 'dim_runs',
            'fct_changes', 'fct_choice_probabilities', 'fct_mean_scores', 'fct_normalized_mean_scores',
        ],
        'comparisons': [
            'cmp_base_chat', 'cmp_corpus', 'cmp_elicitations', 'cmp_model_size', 'cmp_quantization',
            'cmp_quantization_cells',
        ],
        'map': ['agg_cultural_distances', 'dim_cultural_axes', 'fct_cultural_map'],
    }[part]) -}}
{%- endmacro %}
