{#-
    Which population of all respondents models are compared with in a survey's questions: first comes
    the survey itself before others that asked its questions, then the usual wave, and the population
    that covers most cells; a weighting decides among those that cover the same. `valuescope ingest`
    reads the same lines to report what a load changes.
-#}
{% macro reference_order() -%}
    surveys.survey_id = surveys.question_survey_id desc,
    populations.wave_selection = cast(surveys.default_wave as varchar) desc,
    populations.wave_selection = 'latest' desc,
    populations.newest_wave desc,
    populations.cell_count desc,
    case populations.weighting
        when 'within_country' then 1
        when 'unstated' then 2
        else 3
    end asc,
    populations.population_id asc
{%- endmacro %}
