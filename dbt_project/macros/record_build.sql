{#-
  What a whole build reads: surveys, answers, the instrument's files, the variables it was given and the
  code that computes and checks; and what came of it.
  `valuescope status` compares it with what is there now, and `valuescope build` has nothing to do where
  they are the same. Rows that are not built say that dbt has run since: a part, or in vain.
-#}

{#- Before any model runs, because a file may be edited meanwhile. -#}
{% macro record_inputs() -%}
    {%- if execute -%}
        {%- do run_query("create schema if not exists intermediate") -%}
        {%- do run_query(
            "create table if not exists intermediate.build_record"
            ~ " (is_built boolean not null, kind varchar not null, input varchar not null,"
            ~ " content varchar not null)"
        ) -%}
        {%- do run_query("delete from intermediate.build_record where not is_built") -%}
        {%- set folder = literal_pattern(own_folder()) -%}
        {%- set instrument
            = literal_pattern(env_var('VALUESCOPE_HOME', '../warehouse/home')) ~ '/instrument' -%}
        {%- set files = run_query(
            "select file from glob(["
            ~ "'" ~ folder ~ "/seeds/*.csv', "
            ~ "'" ~ instrument ~ "/surveys/*/*.csv', '" ~ instrument ~ "/models.csv'])"
        ).columns[0].values() -%}
        {%- set listed = [] -%}
        {%- for file in files -%}
            {%- do listed.append("'" ~ literal_pattern(file) ~ "'") -%}
        {%- endfor -%}
        {%- do run_query(
            "insert into intermediate.build_record select false, 'code', 'dbt_project', "
            ~ "sha256(string_agg(sha256(content), '' order by filename)) from read_blob(["
            ~ "'" ~ folder ~ "/dbt_project.yml', '" ~ folder ~ "/models/**/*.yml', '"
            ~ folder ~ "/tests/**/*.sql', " ~ code_files() ~ "])"
        ) -%}
        {%- do run_query(
            "insert into intermediate.build_record select false, 'landing', table_name, state from ("
            ~ landing_states() ~ ")"
        ) -%}
        {%- do run_query(
            "insert into intermediate.build_record select false, 'instrument',"
            ~ " array_to_string(split(filename, '/')[-2:], '/'), sha256(content)"
            ~ " from read_blob([" ~ listed | join(', ') ~ "])"
        ) -%}
        {%- do run_query(
            "insert into intermediate.build_record values (false, 'variables', 'vars', '"
            ~ tojson(invocation_args_dict.vars, sort_keys=true) | replace("'", "''") ~ "')"
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#-
  A hash of each table of the landing zone: of the content of small ones' shards, and of when each shard of
  answers was written, in whole seconds. `valuescope.warehouse.tables.build_record` computes the same.
-#}
{% macro landing_states() -%}
    {%- set shards = literal_pattern(landing_zone()) -%}
    {%- for table in ['choice_log_likelihoods', 'models', 'prompts', 'runs'] %}
    select '{{ table }}' as table_name, sha256(string_agg(shard, chr(10) order by shard)) as state
    from (
        select
            split(filename, '/')[-1] || ' ' || size || ' '
            || {{ 'cast(floor(epoch(last_modified)) as bigint)' if loop.first else 'sha256(content)' }} as shard
        from read_blob('{{ shards }}/{{ table }}/*.parquet')
    )
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- What the build checked, and what it warns of. -#}
{% macro record_checks(results) -%}
    {%- set ids = [] -%}
    {%- set rows = [] -%}
    {%- for result in results if result.node.resource_type == 'test' -%}
        {%- set id = "'" ~ result.node.unique_id ~ "'" -%}
        {%- set warning = result.message or '' if result.status | string == 'warn' else '' -%}
        {%- do ids.append(id) -%}
        {%- do rows.append("(true, 'check', " ~ id ~ ", '" ~ warning | replace("'", "''") ~ "')") -%}
    {%- endfor -%}
    {%- if rows -%}
        {%- do run_query(
            "delete from intermediate.build_record where kind = 'check' and input in ("
            ~ ids | join(', ') ~ "); insert into intermediate.build_record values " ~ rows | join(', ')
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#-
  After a build of everything that went through; or of all that answers reach, where `valuescope build` has
  found that nothing else has changed since: then what was recorded of the rest holds.
-#}
{% macro record_build(results) -%}
    {#- Here, where dbt sees it before anything runs. -#}
    {%- set landed_designs = ref('stg_landed_designs') -%}
    {%- if execute -%}
        {%- set failed = results | map(attribute='status') | map('string')
            | select('in', ['error', 'fail', 'skipped', 'runtime error']) | list -%}
        {%- set keeps_rest = env_var('VALUESCOPE_KEEPS_REST', '') == 'yes' -%}
        {%- if
            invocation_args_dict.which == 'build'
            and (keeps_rest or not invocation_args_dict.select)
            and not invocation_args_dict.exclude
            and not invocation_args_dict.empty
            and not failed
        -%}
            {%- do run_query(
                "delete from intermediate.build_record where "
                ~ (
                    "if(is_built, kind in ('landing', 'landed_design'), kind != 'landing')"
                    if keeps_rest else 'is_built'
                )
            ) -%}
            {%- do run_query("update intermediate.build_record set is_built = true") -%}
            {%- if not keeps_rest -%}
                {%- do run_query(
                    "insert into intermediate.build_record select true, 'survey_load', load_id,"
                    ~ " epoch_us(loaded_at) from raw.survey_loads"
                ) -%}
            {%- endif -%}
            {%- do run_query(
                "insert into intermediate.build_record select true, 'landed_design',"
                ~ " model_id || ' ' || prompt_id, landed_rows from " ~ landed_designs
            ) -%}
            {%- do record_checks(results) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
