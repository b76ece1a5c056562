{#- The folder of this dbt project, also where it is a package of another project. -#}
{% macro own_folder() -%}
    {#- dbt knows a seed's folder; `project_dir` is that of the project that runs dbt. -#}
    {{ graph.nodes['seed.valuescope.questions'].root_path }}
{%- endmacro %}

{#- Patterns of the files with the SQL and Python that compute the tables, as strings of SQL. -#}
{% macro code_files() -%}
    {%- set folder = literal_pattern(own_folder()) -%}
    {%- for pattern in ['macros/**/*.sql', 'models/**/*.sql', 'models/**/*.py', 'python/**/*.py'] -%}
        '{{ folder }}/{{ pattern }}'{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
