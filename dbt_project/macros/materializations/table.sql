{#- Tables and comments in few statements: each of dbt's costs tens of milliseconds, and there are a hundred tables. -#}

{#-
  Replace a table in one transaction. dbt-duckdb builds each under another name and renames both, which
  only models in Python need, because they read the last state of their own table. DuckLake keeps its way.
-#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set language = model.language -%}
    {%- if language == 'sql' and target.name == 'lake' -%}
        {{ return(dbt.materialization_table_duckdb()) }}
    {%- endif -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set table = this.incorporate(type='table') -%}
    {%- set earlier = none -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if language == 'sql' -%}
        {%- call statement('main') -%}
            {%- if existing -%} drop {{ existing.type }} {{ existing }}; {%- endif -%}
            {{ create_table_as(False, table, compiled_code) }}; {{ comments(table, model) }}
        {%- endcall -%}
    {%- else -%}
        {#- Nothing is kept of it then. -#}
        {%- if existing and flags.FULL_REFRESH -%}
            {%- do run_query('delete from ' ~ existing) -%}
        {%- endif -%}
        {%- set new = make_intermediate_relation(table) -%}
        {%- call statement('main', language='python') -%}
            {{- create_table_as(False, new, compiled_code, 'python') }}
        {%- endcall -%}
        {%- set earlier = make_backup_relation(table, existing.type) if existing else none -%}
        {%- set swap -%}
            {%- if existing -%}
                drop {{ existing.type }} if exists {{ earlier }};
                alter {{ existing.type }} {{ existing }} rename to {{ earlier.identifier }};
            {%- endif -%}
            alter table {{ new }} rename to {{ table.identifier }}; {{ comments(table, model) }}
        {%- endset -%}
        {%- do run_query(swap) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {%- if earlier -%}
        {%- do run_query('drop ' ~ earlier.type ~ ' ' ~ earlier) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [table]}) }}
{% endmaterialization %}

{#- The same comments for what dbt-duckdb builds. A column that is described is there. -#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set statements = comments(relation, model) -%}
    {%- if statements -%}
        {%- do run_query(statements) -%}
    {%- endif -%}
{%- endmacro %}

{#- The statements that comment on a relation and its columns. -#}
{% macro comments(relation, model) -%}
    {%- if config.persist_relation_docs() and model.description -%}
        {{ duckdb__alter_relation_comment(relation, model.description) }}
    {%- endif -%}
    {%- if config.persist_column_docs() -%}
        {%- for column in model.columns.values() if column.description -%}
            comment on column {{ relation }}.{{ column.name }} is {{ duckdb_escape_comment(column.description) }};
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
