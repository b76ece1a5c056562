{#- The folder of this dbt project, also where it is a package of another project. -#}
{% macro own_folder() -%}
    {#- dbt knows where a seed lies; `project_dir` is the folder of whoever runs dbt. -#}
    {{ graph.nodes['seed.valuescope.questions'].root_path }}
{%- endmacro %}
