{#- Stop before any model runs when a variable asks for something that does not exist. -#}
{% macro check_selections() %}
    {%- if execute %}
        {%- do check_selection('question_selection', ['all', 'paper']) %}
        {%- do check_selection('question_set', ['available', 'common']) %}
        {%- do check_selection('cultural_map_deletion', ['pairwise', 'listwise']) %}
        {%- do check_reference_populations() %}
    {%- endif %}
{% endmacro %}

{% macro check_selection(name, known) %}
    {%- if var(name) not in known %}
        {%- do exceptions.raise_compiler_error(
            "The variable " ~ name ~ " is '" ~ var(name) ~ "'; it may be " ~ known | join(' or ') ~ "."
        ) %}
    {%- endif %}
{% endmacro %}

{% macro check_reference_populations() %}
    {%- set loaded = run_query(
        "select distinct survey_id, " ~ population_id() ~ " as population_id from raw.survey_loads"
        ~ " order by population_id"
    ) %}
    {%- for survey_id, named in var('reference_populations').items() %}
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
{% endmacro %}

{#- Whether a country is one of those whose mean is taken off for the demeaned r. -#}
{% macro is_reference_country(country_id) -%}
    {%- if var('reference_countries') -%}
        {{ country_id }} in ('{{ var("reference_countries") | join("', '") }}')
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
