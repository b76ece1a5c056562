{#-
  A build checks the rows that it has made: rows of big tables stay as they are while their design's
  `source_fingerprint` does (macros/incremental.sql), and once checked by the same code they need no
  second look. `dbt test` looks at every row, and so does a build with `--full-refresh`.
-#}

{#- Before any model runs: forget what other code has checked. -#}
{% macro forget_outdated_checks() -%}
    {%- if execute -%}
        {%- do run_query(
            "create table if not exists intermediate.checked_designs"
            ~ " (table_name varchar not null, source_fingerprint varchar not null, code varchar not null)"
        ) -%}
        {%- do run_query(
            "delete from intermediate.checked_designs"
            ~ (
                "" if flags.FULL_REFRESH else " where code not in (select content"
                ~ " from intermediate.build_record where not is_built and kind = 'code')"
            )
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- The rows of a table that no build has checked yet. -#}
{% macro unchecked_rows(relation) -%}
    {%- set checked = [] -%}
    {%- if execute and invocation_args_dict.which == 'build' -%}
        {%- set table = (graph.nodes.values() | selectattr('relation_name', 'equalto', relation | string)
            | map(attribute='unique_id') | first) -%}
        {%- set checked = run_query(
            "select 1 from intermediate.checked_designs where table_name = '" ~ table ~ "' limit 1"
        ).rows -%}
    {%- endif -%}
    {%- if checked -%}
        (
            select * from {{ relation }}
            where source_fingerprint not in (
                select checked_designs.source_fingerprint
                from intermediate.checked_designs
                where checked_designs.table_name = '{{ table }}'
            )
        )
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{#- After a build: note the designs of the tables that it has made and whose checks have all passed. -#}
{% macro record_checked_designs(results) -%}
    {#- Here, where dbt sees them before anything runs. -#}
    {%- set of_designs = [ref('stg_landed_designs'), ref('int_design_fingerprints')] -%}
    {%- if execute and invocation_args_dict.which == 'build' -%}
        {%- set passed = [] -%}
        {%- for result in results if result.status | string in ['success', 'pass', 'warn'] -%}
            {%- do passed.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- set doubtful = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'test' and node.attached_node and node.unique_id not in passed -%}
            {%- do doubtful.append(node.attached_node) -%}
        {%- endfor -%}
        {%- set tables = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model' and node.package_name == 'valuescope'
            and node.unique_id in passed and node.unique_id not in doubtful -%}
            {%- do tables.append("('" ~ [node.unique_id, node.schema, node.alias] | join("', '") ~ "')") -%}
        {%- endfor -%}
        {%- set designs = [] -%}
        {%- for relation in of_designs if load_relation(relation) -%}
            {%- do designs.append("select source_fingerprint from " ~ relation) -%}
        {%- endfor -%}
        {%- if tables and designs -%}
            {%- do run_query(
                "create or replace temp table built_tables as"
                ~ " select names.unique_id"
                ~ " from (values " ~ tables | join(', ') ~ ") as names (unique_id, schema_name, table_name)"
                ~ " inner join information_schema.columns as found"
                ~ " on names.schema_name = found.table_schema and names.table_name = found.table_name"
                ~ " where found.table_catalog = '" ~ target.database ~ "'"
                ~ " and found.column_name = 'source_fingerprint';"
                ~ " delete from intermediate.checked_designs"
                ~ " where table_name in (select unique_id from built_tables);"
                ~ " insert into intermediate.checked_designs"
                ~ " select built_tables.unique_id, designs.source_fingerprint, record.content"
                ~ " from built_tables cross join (" ~ designs | join(' union ') ~ ") as designs"
                ~ " cross join intermediate.build_record as record"
                ~ " where record.kind = 'code' and not record.is_built"
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
