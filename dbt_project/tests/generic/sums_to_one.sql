{#- Within each group the values are all null or sum to 1, to 1e-9. -#}
{% test sums_to_one(model, column_name, group_by) %}

select
    {{ group_by | join(', ') }},
    sum({{ column_name }}) as total
from {{ unchecked_rows(model) }}
group by {{ group_by | join(', ') }}
having
    abs(sum({{ column_name }}) - 1) > 1e-9
    or count({{ column_name }}) not in (0, count(*))

{% endtest %}
