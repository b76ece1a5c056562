{#- The name of the population that a survey load describes. -#}
{% macro population_id() -%}
    survey_id || ':' || wave_selection || ':' || weighting || ':' || subgroup_id
{%- endmacro %}
