{#-
  The variables of a build. None is pasted into SQL as it comes: `var_number` and `var_text` write
  it as a value, `var_value` is for decisions in Jinja, and each looks at the value first.
-#}

{#-
  Every variable with its type, what it may be and what it means, as JSON: Python reads it too. Types are
  `integer` and `number` (from `minimum` to `maximum`), `choice` (one of `values`), `countries` (a list
  of ISO codes), `populations` (one per survey) and `text`. Defaults are in dbt_project.yml; variables of
  `queries` narrow a saved query down, and no build takes them.
-#}
{% macro declared_variables() -%}
{
    "reference_populations": {"type": "populations",
        "meaning": "Population that marts compare models with, per survey, such as {\"wvs\": \"wvs:7:unweighted:all\"}, or of another survey that asked its questions: {\"wvs\": \"evs:5:within_country:all\"}. Any other survey takes the one that covers most."},
    "question_selection": {"type": "choice", "values": ["all", "paper"],
        "meaning": "`paper` has the 209 questions taken to be the paper's, nominal ones scored like scales."},
    "question_set": {"type": "choice", "values": ["available", "common"],
        "meaning": "`available`: each country's r over all its questions. `common`: over the questions that all countries compared under the same model and prompt have."},
    "reference_countries": {"type": "countries",
        "meaning": "Countries whose mean is taken off for the demeaned r; empty for all of the population."},
    "deff": {"type": "number", "minimum": 0.1, "maximum": 100,
        "meaning": "Factor on the sampling variance of human mean scores, for designs less precise than a simple random sample."},
    "assumed_respondents": {"type": "integer", "minimum": 2, "maximum": 100000000,
        "meaning": "Shares without counts get the sampling error that so many respondents would give. 1200 is what the survey asks of a country, about 1000 of whom answer a question."},
    "minimum_questions": {"type": "integer", "minimum": 2, "maximum": 100000,
        "meaning": "An r over fewer questions is null."},
    "minimum_ranked": {"type": "integer", "minimum": 1, "maximum": 100000,
        "meaning": "A category with fewer questions is not ranked."},
    "minimum_countries": {"type": "integer", "minimum": 2, "maximum": 1000,
        "meaning": "An r over fewer countries is null."},
    "minimum_interval_countries": {"type": "integer", "minimum": 2, "maximum": 1000,
        "meaning": "A mean over fewer countries has no interval."},
    "minimum_reference_countries": {"type": "integer", "minimum": 2, "maximum": 1000,
        "meaning": "Questions that fewer countries have drop out of the demeaned r."},
    "minimum_batteries": {"type": "integer", "minimum": 2, "maximum": 100000,
        "meaning": "An r over fewer batteries has no interval."},
    "cultural_map_deletion": {"type": "choice", "values": ["pairwise", "listwise"],
        "meaning": "Whose answers the cultural map's correlations rest on."},
    "minimum_map_countries": {"type": "integer", "minimum": 3, "maximum": 1000,
        "meaning": "Fewer countries that were asked all indicators make no map."},
    "minimum_designs": {"type": "integer", "minimum": 2, "maximum": 100000,
        "meaning": "The spread over fewer designs is null."},
    "minimum_coverage": {"type": "number", "minimum": 0, "maximum": 1,
        "meaning": "Specifications with less than this share of the cells of a model's fullest one are left out."},
    "minimum_repeated_cells": {"type": "integer", "minimum": 2, "maximum": 1000000000,
        "meaning": "Numerical noise is taken from cells that several numerics have scored, where there are so many."},
    "largest_noise_ratio": {"type": "number", "minimum": 1, "maximum": 1000,
        "meaning": "A smaller precision changes nothing while mean scores drift by at most so many times what noise alone would do."},
    "small_delta_r": {"type": "number", "minimum": 0, "maximum": 2,
        "meaning": "A smaller precision changes little while the interval of the change in r is within so much of 0."},
    "minimum_drift_cells": {"type": "integer", "minimum": 2, "maximum": 1000000000,
        "meaning": "Nothing is said of a precision below so many cells."},
    "years_apart": {"type": "integer", "minimum": 0, "maximum": 100,
        "meaning": "What a model says of a year is compared with people who were asked at most so many years before or after."},
    "random_answers": {"type": "integer", "minimum": 20, "maximum": 1000000,
        "meaning": "Random answers that every difference from the blind baseline is shown beside."},
    "random_answers_seed": {"type": "integer", "minimum": 0, "maximum": 4294967295,
        "meaning": "Seed of the random answers."},
    "model": {"type": "text", "of": "queries", "meaning": "Name of a model, or all."},
    "other_model": {"type": "text", "of": "queries", "meaning": "Name of the model to compare with, or all."},
    "country": {"type": "text", "of": "queries", "meaning": "ISO code of a country, or all."},
    "question": {"type": "text", "of": "queries", "meaning": "Id of a question, or all."}
}
{%- endmacro %}

{#- What is wrong with a variable's value, as a sentence; empty where nothing is. -#}
{% macro variable_problem(name, value) -%}
    {%- set rule = fromjson(declared_variables()).get(name) -%}
    {%- if not rule -%}
        There is no variable {{ name | string | truncate(60, true) }}.
    {%- else -%}
        {%- set type = rule['type'] -%}
        {%- set wanted = {
            'integer': 'must be a whole number from ' ~ rule.get('minimum') ~ ' to ' ~ rule.get('maximum'),
            'number': 'must be a number from ' ~ rule.get('minimum') ~ ' to ' ~ rule.get('maximum'),
            'choice': 'may be ' ~ rule.get('values', []) | join(' or '),
            'countries': 'must be a list of ISO codes of countries, such as ["JPN", "USA"]',
            'populations': 'must name a population for a survey, such as {"wvs": "wvs:7:unweighted:all"}',
            'text': 'must be a text',
        }[type] -%}
        {%- set wrong = [] -%}
        {%- if type in ('integer', 'number') -%}
            {%- if not (value is integer or (type == 'number' and value is float)) -%}
                {%- do wrong.append(value) -%}
            {#- Written so that NaN is out of range. -#}
            {%- elif not rule['minimum'] <= value <= rule['maximum'] -%}
                {%- do wrong.append(value) -%}
            {%- endif -%}
        {%- elif type == 'choice' -%}
            {%- if value is not string or value not in rule['values'] -%}
                {%- do wrong.append(value) -%}
            {%- endif -%}
        {%- elif type == 'countries' -%}
            {%- if value is string or value is mapping or value is not sequence -%}
                {%- do wrong.append(value) -%}
            {%- else -%}
                {%- for code in value -%}
                    {%- if code is not string or code | length != 3 or not code.isascii()
                        or not code.isalpha() or not code.isupper() -%}
                        {%- do wrong.append(code) -%}
                    {%- endif -%}
                {%- endfor -%}
            {%- endif -%}
        {%- elif type == 'populations' -%}
            {%- if value is not mapping -%}
                {%- do wrong.append(value) -%}
            {%- else -%}
                {%- for survey, population in value.items() -%}
                    {%- if survey is not string or population is not string -%}
                        {%- do wrong.append(value) -%}
                    {%- endif -%}
                {%- endfor -%}
            {%- endif -%}
        {%- elif value is not string -%}
            {%- do wrong.append(value) -%}
        {%- endif -%}
        {%- if wrong -%}
            {%- set shown = "'" ~ value ~ "'" if value is string else value | string -%}
            The variable {{ name }} is {{ shown | truncate(90, true) }}; it {{ wanted }}.
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- A variable's value, for decisions in Jinja. -#}
{% macro var_value(name, default=none) -%}
    {%- set value = var(name) if default is none else var(name, default) -%}
    {%- set problem = variable_problem(name, value) -%}
    {%- if problem -%}
        {%- do exceptions.raise_compiler_error(problem) -%}
    {%- endif -%}
    {{ return(value) }}
{%- endmacro %}

{#- A variable as a number of SQL's. -#}
{% macro var_number(name) -%}
    {{ var_value(name) }}
{%- endmacro %}

{#- A variable as a text of SQL's, with its quotes. -#}
{% macro var_text(name, default=none) -%}
    {{ sql_text(var_value(name, default)) }}
{%- endmacro %}

{#- Stop before anything runs when a variable is unknown, or is not what it may be. -#}
{% macro check_variables() -%}
    {%- if execute -%}
        {%- set declared = fromjson(declared_variables()) -%}
        {%- set problems = [] -%}
        {%- for name, rule in declared.items() if rule.get('of') != 'queries' -%}
            {%- do problems.append(variable_problem(name, var(name))) -%}
        {%- endfor -%}
        {#- Another project that builds on this one has variables of its own. -#}
        {%- if project_name == 'valuescope' -%}
            {%- for name in invocation_args_dict.vars if name not in declared -%}
                {%- do problems.append(variable_problem(name, none)) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if problems | select | list -%}
            {%- do exceptions.raise_compiler_error(problems | select | join(' ')) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
