{#- Stop before any model runs when a variable names a population that is not loaded. -#}
{% macro check_reference_populations() %}
    {%- if execute %}
        {%- set loaded = run_query(
            "select distinct survey_id, " ~ population_id() ~ " as population_id from raw.survey_loads"
            ~ " order by population_id"
        ) %}
        {%- for survey_id, named in var_value('reference_populations').items() %}
            {%- set populations = [] %}
            {%- for row in loaded.rows if row['survey_id'] == survey_id %}
                {%- do populations.append(row['population_id']) %}
            {%- endfor %}
            {%- if named not in populations %}
                {%- do exceptions.raise_compiler_error(
                    "The variable reference_populations names '" ~ named ~ "' for the survey '"
                    ~ survey_id ~ "', which is not loaded. Loaded populations: "
                    ~ (populations | join(', ') or 'none') ~ ". Name one of them, or load it with "
                    ~ "`valuescope ingest`."
                ) %}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{% endmacro %}

{#- Whether a country is one of those whose mean is taken off for the demeaned r. -#}
{% macro is_reference_country(country_id) -%}
    {%- if var_value('reference_countries') -%}
        {%- set codes = [] -%}
        {%- for code in var_value('reference_countries') -%}
            {%- do codes.append(sql_text(code)) -%}
        {%- endfor -%}
        {{ country_id }} in ({{ codes | join(', ') }})
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
