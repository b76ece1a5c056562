{#- A path as a pattern of DuckDB's that matches this path only, as the inside of an SQL text. -#}
{% macro literal_pattern(path) -%}
    {{ path | replace('[', '[[]') | replace('*', '[*]') | replace('?', '[?]') | replace("'", "''") }}
{%- endmacro %}

{#-
  All rows of a table of the instrument: the seed's and those of the files that other surveys have in
  the home (docs/own-surveys.md), in the seed's columns and types. Goes on from a `with`.
-#}
{% macro instrument_table(name) -%}
    select * from {{ ref(name) }}
    {%- if execute %}
        {%- set home = literal_pattern(env_var('VALUESCOPE_HOME', '../warehouse/home')) %}
        {%- set file_name = 'survey' if name == 'surveys' else name %}
        {%- set found = run_query(
            "select file from glob('" ~ home ~ "/instrument/surveys/*/" ~ file_name ~ ".csv') order by file"
        ) %}
        {%- set types = graph.nodes['seed.valuescope.' ~ name].config.column_types %}
        {%- for row in found.rows %}
    union all by name
    select
            {%- for column, type in types.items() %}
        cast(nullif(trim({{ column }}), '') as {{ type }}) as {{ column }},
            {%- endfor %}
    from read_csv(
        '{{ literal_pattern(row["file"]) }}',
        all_varchar = true,
        header = true,
        skip = 0,
        delim = ',',
        quote = '"',
        escape = '"',
        comment = '',
        strict_mode = true
    )
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
