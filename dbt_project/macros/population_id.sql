{#- The name of the population that a survey load describes. -#}
{% macro population_id() -%}
    survey_id || ':' || wave_selection || ':' || weighting || ':' || subgroup_id
{%- endmacro %}

{#- One part of a subgroup's name, such as the sex of `sex=female,age=30-49`; null without it. -#}
{% macro subgroup_part(subgroup_id, part) -%}
    nullif(regexp_extract({{ subgroup_id }}, '(?:^|,){{ part }}=([^,]+)', 1), '')
{%- endmacro %}
