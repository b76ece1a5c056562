{#- What tests say when they fail. -#}

{#-
  Fail with a line for each broken rule: how many rows break it, and one of them. `rules` selects `broken`, a
  struct of rule, row_count and example. It is an error, because of rows that a test returns dbt shows
  only their number.
-#}
{% macro fail_naming(place, rules) %}
select string_agg(broken.rule, ', ') as broken
from (
{{ rules }}
)
where broken.row_count > 0
having error({{ sql_text(place ~ ': ') }} || string_agg(
    concat(broken.rule, ' (', broken.row_count, ' rows, such as ', broken.example, ')'),
    '; ' order by broken.rule
)) is not null
{% endmacro %}

{#- The same for what only warns: a row for each broken rule. -#}
{% macro warn_naming(rules) %}
select broken
from (
{{ rules }}
)
where broken.row_count > 0
{% endmacro %}

{#- A struct of columns, each once. -#}
{% macro struct_of(columns) -%}
    {%- set fields = [] -%}
    {%- for column in columns | unique -%}
        {%- do fields.append("'" ~ column ~ "': " ~ column) -%}
    {%- endfor -%}
    { {{- fields | join(', ') -}} }
{%- endmacro %}

{#- A text as SQL writes it. -#}
{% macro sql_text(value) -%}
    '{{ value | string | replace("'", "''") }}'
{%- endmacro %}
