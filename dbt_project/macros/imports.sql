{#-
  The tables that a query reads, each as a CTE that has its name without the kind: `countries` is
  `dim_countries`. The query goes on with a CTE of its own.
-#}
{% macro imports() -%}
with
{%- for table in varargs %}

{{ table.removeprefix('agg_').removeprefix('cmp_').removeprefix('dim_').removeprefix('fct_') }} as (

    select * from {{ ref(table) }}

),
{%- endfor %}
{%- endmacro %}
