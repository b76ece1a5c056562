{#- No value is NaN or infinite; DuckDB sorts NaN above every number, so ranges alone miss it. -#}
{% test is_finite(model, column_name) %}

select {{ column_name }}
from {{ model }}
where not isfinite({{ column_name }})

{% endtest %}
