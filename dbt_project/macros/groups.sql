{#-
  Groups of cells by a key beside model, prompt and survey, such as a country. A group that was scored
  has a row also where none of its cells can be compared.
-#}

{#-
  The groups that were scored, with the one reason that all cells of a group share where none can be
  compared, and the number of cells under a name that is given.
-#}
{% macro scored_groups(mean_scores, keys, cell_count=none) -%}
    select
        model_id,
        prompt_id,
        survey_id,
        {%- for key in keys %}
        {{ key }},
        {%- endfor %}
        population_id,
        coding_id,
        question_selection,
        {{ var_text('question_set') }} as question_set,
        {%- if cell_count %}
        count(*) as {{ cell_count }},
        {%- endif %}
        {{ shared_reason('null_reason') }} as shared_null_reason
    from {{ mean_scores }}
    where country_id != 'ZZZ'
    group by all
{%- endmacro %}

{#-
  Each of them with its row of `measured`, the groups with cells to compare. Where there is no such row,
  `counts` are 0 and each of `reasons` is the group's, or `too_few`.
-#}
{% macro measured_groups(scored, measured, keys, counts, reasons, too_few) -%}
    {%- set all_keys = ['model_id', 'prompt_id', 'survey_id'] + keys -%}
    select
        {{ scored }}.* exclude (shared_null_reason),
        {{ measured }}.* exclude ({{ all_keys | join(', ') }}) replace (
            {%- for count in counts %}
            coalesce({{ measured }}.{{ count }}, 0) as {{ count }},
            {%- endfor %}
            {%- for reason in reasons %}
            case
                when {{ measured }}.model_id is null
                    then coalesce({{ scored }}.shared_null_reason, '{{ too_few }}')
                else {{ measured }}.{{ reason }}
            end as {{ reason }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
    from {{ scored }}
    left outer join {{ measured }}
        on
            {%- for key in all_keys %}
            {{ 'and ' if not loop.first }}{{ scored }}.{{ key }} = {{ measured }}.{{ key }}
            {%- endfor %}
{%- endmacro %}
