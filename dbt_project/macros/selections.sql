{#- Stop before any model runs when a variable names a population that is not loaded. -#}
{% macro check_reference_populations() %}
    {%- if execute %}
        {#- The seed is not a table yet when this runs first. -#}
        {%- set seed = graph.nodes['seed.valuescope.surveys'] %}
        {%- set seed_file = seed.root_path ~ '/' ~ seed.original_file_path %}
        {%- set loaded = run_query(
            "select distinct coalesce(surveys.question_survey_id, loads.survey_id) as survey_id, "
            ~ "loads.population_id from (select survey_id, " ~ population_id() ~ " as population_id "
            ~ "from raw.survey_loads) as loads left join read_csv('" ~ literal_pattern(seed_file)
            ~ "', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"') as surveys "
            ~ "on loads.survey_id = surveys.survey_id order by loads.population_id"
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
