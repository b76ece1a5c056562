{#- Numerics that round less come first: weights, then key-value cache, then attention. -#}
{% macro rounding_rank(runs) -%}
    case {{ runs }}.compute_type when 'f32' then 0 when 'f16' then 1 else 2 end * 4
    + case when {{ runs }}.kv_cache_type = 'f32' then 0 else 2 end
    + case when {{ runs }}.flash_attention then 1 else 0 end
{%- endmacro %}
