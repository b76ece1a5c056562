{#- The folder of Parquet shards that the scorer writes, for the current shard schema. -#}
{% macro landing_zone() -%}
    {{ env_var('VALUESCOPE_HOME', '../warehouse/home') }}/landing/schema=1
{%- endmacro %}

{#- Stop before any model runs when the landing zone is not where it is expected. -#}
{% macro check_landing_zone() %}
    {%- if execute %}
        {%- set tables = ['choice_log_likelihoods', 'prompts', 'models', 'runs'] %}
        {%- for table in tables %}
            {%- set shard = landing_zone() ~ '/' ~ table ~ '/_schema.parquet' %}
            {%- set found = run_query("select file from glob('" ~ literal_pattern(shard) ~ "')") %}
            {%- if found | length == 0 %}
                {%- do exceptions.raise_compiler_error(
                    "No landing zone at " ~ landing_zone() ~ ": " ~ table ~ "/_schema.parquet is "
                    ~ "missing. Set VALUESCOPE_HOME to the folder of your study, or create the landing "
                    ~ "zone by scoring a model (`valuescope score --help`) or with `valuescope build`."
                ) %}
            {%- endif %}
        {%- endfor %}
        {%- set beside = landing_zone().replace('schema=1', '') %}
        {%- set others = run_query(
            "select distinct 'schema=' || regexp_extract(file, '/schema=([^/]*)/', 1) as folder"
            ~ " from glob('" ~ literal_pattern(beside) ~ "schema=*/**')"
            ~ " where not starts_with(file, '" ~ (landing_zone() | replace("'", "''")) ~ "/')"
            ~ " order by folder"
        ) %}
        {%- for row in others.rows %}
            {%- do log(
                "Left alone: " ~ beside ~ row['folder'] ~ ". Another version of valuescope wrote it; "
                ~ "its answers are not in these tables.",
                info=true,
            ) %}
        {%- endfor %}
        {%- set newest = landing_zone() ~ '/choice_log_likelihoods/_schema.parquet' %}
        {%- set column = run_query(
            "select name from parquet_schema('" ~ newest | replace("'", "''") ~ "')"
            ~ " where name = 'stated_sum'"
        ) %}
        {%- if column | length == 0 %}
            {%- do exceptions.raise_compiler_error(
                "The landing zone at " ~ landing_zone() ~ " is of an earlier version. Run "
                ~ "`valuescope build` once, which brings its columns up to date; no answer is lost."
            ) %}
        {%- endif %}
    {%- endif %}
{% endmacro %}
