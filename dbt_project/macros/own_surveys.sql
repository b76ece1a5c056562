{#- A path as a pattern of DuckDB's that matches this path only, as the inside of an SQL text. -#}
{% macro literal_pattern(path) -%}
    {{ path | replace('[', '[[]') | replace('*', '[*]') | replace('?', '[?]') | replace("'", "''") }}
{%- endmacro %}

{#-
  All rows of a table of the instrument: the seed's and those that the home has beside them, in the
  seed's columns and types: the files of other surveys (docs/own-surveys.md) and the user's own models
  (docs/scoring.md), which may leave columns out. Goes on from a `with`.
-#}
{% macro instrument_table(name) -%}
    select * from {{ ref(name) }}
    {%- if execute %}
        {%- set home = literal_pattern(env_var('VALUESCOPE_HOME', '../warehouse/home')) %}
        {%- set file_name = 'survey' if name == 'surveys' else name %}
        {%- set folder = 'instrument' if name == 'models' else 'instrument/surveys/*' %}
        {%- set found = run_query(
            "select file from glob('" ~ home ~ "/" ~ folder ~ "/" ~ file_name ~ ".csv') order by file"
        ) %}
        {%- set types = graph.nodes['seed.valuescope.' ~ name].config.column_types %}
        {%- for row in found.rows %}
            {%- set own = own_csv(row["file"]) %}
            {%- set columns = run_query('select column_name from (describe select * from ' ~ own ~ ')') %}
            {%- set present = columns.rows | map(attribute='column_name') | list %}
    union all by name
    select
            {%- for column, type in types.items() if column in present %}
        cast(nullif(trim({{ column }}), '') as {{ type }}) as {{ column }},
            {%- endfor %}
    from {{ own }}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}

{#- A CSV file of the home as DuckDB reads it: every value a text. -#}
{% macro own_csv(path) -%}
    read_csv(
        '{{ literal_pattern(path) }}',
        all_varchar = true,
        header = true,
        skip = 0,
        delim = ',',
        quote = '"',
        escape = '"',
        comment = '',
        strict_mode = true
    )
{%- endmacro %}
