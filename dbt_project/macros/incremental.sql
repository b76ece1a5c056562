{#-
  Big tables are rebuilt design by design. Each row carries the `source_fingerprint` of its model and
  prompt, which changes with anything that the row is computed from; a build deletes the rows of
  fingerprints that are no longer current and adds those that are missing.
-#}

{#- The configuration of such a table. -#}
{% macro by_design(fingerprints='int_design_fingerprints') -%}
    {#- A unit test has no table of its own and needs no fingerprints. -#}
    {%- if this %}
    -- depends_on: {{ ref(fingerprints) }}
    {% endif -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_changed_designs('" ~ fingerprints ~ "') }}",
    ) }}
{%- endmacro %}

{#- A pre-hook: drop what is no longer current. -#}
{% macro delete_changed_designs(fingerprints) -%}
    {%- if this and is_incremental() -%}
        delete from {{ this }}
        where source_fingerprint not in (select source_fingerprint from {{ ref(fingerprints) }})
    {%- endif -%}
{%- endmacro %}

{#- Whether this table lacks a row's design as it is now; `designs` names the fingerprints. -#}
{% macro is_changed_design(designs) -%}
    {%- if this and is_incremental() -%}
        {#- Distinct, because a set of millions takes a second to make. -#}
        {{ designs }}.source_fingerprint not in (
            select distinct built.source_fingerprint from {{ this }} as built
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- A hash of the code and of all variables of a build. -#}
{% macro code_fingerprint() -%}
    {%- if execute -%}
        {%- set code = run_query(
            "select md5(string_agg(md5(content), '' order by filename)) as hash from read_text(["
            ~ code_files() ~ "])"
        ) -%}
        {%- set variables = [] -%}
        {%- for name, rule in fromjson(declared_variables()).items()
            if rule.get('of') != 'queries' -%}
            {%- do variables.append(name ~ '=' ~ tojson(var(name))) -%}
        {%- endfor -%}
        {{- local_md5(code.rows[0]['hash'] ~ variables | join('|')) -}}
    {%- endif -%}
{%- endmacro %}

{#- A hash of a table's rows, whatever their order. -#}
{% macro content_hash(relation) -%}
    (select coalesce(sum(hash(content)), 0) || '/' || count(*) from {{ relation }} as content)
{%- endmacro %}


{#-
  Drop the tables that another version of their definition has made, before any model runs: they are
  made anew instead of added to.
-#}
{% macro drop_outdated_tables() -%}
    {%- if execute -%}
        {%- do run_query("create schema if not exists intermediate") -%}
        {%- do run_query(
            "create table if not exists intermediate.table_definitions"
            ~ " (unique_id varchar not null, definition varchar not null)"
        ) -%}
        {%- set known = {} -%}
        {%- for row in run_query("select * from intermediate.table_definitions").rows -%}
            {%- do known.update({row['unique_id']: row['definition']}) -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values()
            if node.package_name == 'valuescope' and node.config.materialized == 'incremental' -%}
            {%- set definition = local_md5(node.raw_code ~ node.columns) -%}
            {%- if known.get(node.unique_id) != definition -%}
                {%- set outdated = adapter.get_relation(node.database, node.schema, node.alias) -%}
                {%- if outdated -%}
                    {%- do adapter.drop_relation(outdated) -%}
                {%- endif -%}
                {%- do run_query(
                    "delete from intermediate.table_definitions where unique_id = '"
                    ~ node.unique_id ~ "'; insert into intermediate.table_definitions values ('"
                    ~ node.unique_id ~ "', '" ~ definition ~ "')"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
