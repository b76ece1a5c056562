{#-
  In a shared warehouse a build changes tables one by one. What it leaves at its end is marked, and
  readers look at the last marked state: none sees half of a build, nor one that failed.
-#}
{% macro publish_build(results) -%}
    {%- if execute and target.name == 'lake' and invocation_args_dict.which in ('build', 'run') -%}
        {%- set failed = results | map(attribute='status') | map('string')
            | select('in', ['error', 'fail', 'skipped', 'runtime error']) | list -%}
        {%- if not failed -%}
            {%- do run_query(
                "create table if not exists intermediate.builds (finished_at timestamptz not null)"
            ) -%}
            {%- do run_query(
                "begin; call lake.set_commit_message(null, 'valuescope build');"
                ~ " insert into intermediate.builds values (now()); commit"
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
