{#-
  Sum over two rows' respondents of w^2 (x - mean x) (y - mean y), from the sums of w^2, w^2 x, w^2 y
  and w^2 x y, times n/(n-1): what the sampling covariance of two weighted means is made of.
-#}
{% macro squared_weight_covariance(n, w2, w2x, w2y, w2xy, mean_x, mean_y) -%}
    ({{ w2xy }} - {{ mean_x }} * {{ w2y }} - {{ mean_y }} * {{ w2x }} + {{ mean_x }} * {{ mean_y }} * {{ w2 }})
    * {{ n }} / nullif({{ n }} - 1, 0)
{%- endmacro %}
