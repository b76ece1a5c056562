{#- Every value that is not null lies between the bounds, to the 1e-12 that sums of doubles lose. -#}
{% test within_range(model, column_name, minimum=none, maximum=none) %}

select {{ column_name }}
from {{ model }}
where
    false
    {%- if minimum is not none %}
    or {{ column_name }} < {{ minimum }} - 1e-12
    {%- endif %}
    {%- if maximum is not none %}
    or {{ column_name }} > {{ maximum }} + 1e-12
    {%- endif %}

{% endtest %}
