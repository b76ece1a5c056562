{#-
  Measures of agreement over a group of rows. The two columns must be null in the same rows.
  Standard deviations below 1e-12 are floating-point dust: corr() would give a finite wrong r there.
-#}

{#- Pearson's r, held inside [-1, 1]; null below `minimum` rows and without variance. -#}
{% macro pearson_r(x, y, minimum) -%}
    case
        -- Pairs, because least() and greatest() pass over a null.
        when regr_count({{ y }}, {{ x }}) < {{ minimum }} then null
        when stddev_pop({{ x }}) < 1e-12 or stddev_pop({{ y }}) < 1e-12 then null
        else greatest(-1.0, least(1.0, corr({{ x }}, {{ y }})))
    end
{%- endmacro %}

{#- Why `pearson_r` is null; null where it is not. `too_few` names what there is too little of. -#}
{% macro pearson_r_null_reason(model, human, minimum, too_few) -%}
    case
        when count({{ model }}) < {{ minimum }} then '{{ too_few }}'
        when stddev_pop({{ model }}) < 1e-12 then 'no_variance_in_model'
        when stddev_pop({{ human }}) < 1e-12 then 'no_variance_in_survey'
    end
{%- endmacro %}

{#- Both side by side, of a model's values and people's. -#}
{% macro r_and_reason(model, human, minimum, too_few, r='pearson_r', reason='null_reason') -%}
    {{ pearson_r(model, human, minimum) }} as {{ r }},
        {{ pearson_r_null_reason(model, human, minimum, too_few) }} as {{ reason }}
{%- endmacro %}

{#-
  The congruence sum(xy) / sqrt(sum(x^2) sum(y^2)): r about zero instead of the means. Reversing the
  coding of an item changes the sign of x and y together and leaves it as it is. Null below
  `minimum_questions`.
-#}
{% macro rho0(x, y, question_count='count(*)') -%}
    case
        when {{ question_count }} < {{ var_number('minimum_questions') }} then null
        when sqrt(avg({{ x }} * {{ x }})) < 1e-12 or sqrt(avg({{ y }} * {{ y }})) < 1e-12 then null
        else greatest(-1.0, least(1.0,
            sum({{ x }} * {{ y }}) / sqrt(sum({{ x }} * {{ x }}) * sum({{ y }} * {{ y }}))
        ))
    end
{%- endmacro %}

{#- Both side by side, of mean scores, and why it is null where it is. -#}
{% macro rho0_and_reason(question_count='count(*)') -%}
    {{ rho0('llm_mean_score', 'human_mean_score', question_count) }} as rho0,
        case
            when {{ question_count }} < {{ var_number('minimum_questions') }} then 'too_few_questions'
            when sqrt(avg(llm_mean_score * llm_mean_score)) < 1e-12
                then 'model_in_the_middle_everywhere'
            when sqrt(avg(human_mean_score * human_mean_score)) < 1e-12
                then 'survey_in_the_middle_everywhere'
        end as rho0_null_reason
{%- endmacro %}

{#-
  The 1-based rank of `value` within a partition; ties share their mean rank, as Spearman has it.
  Values that differ by less than rounding are ties.
-#}
{% macro mean_rank(value, partition) -%}
    {%- set ordered = 'partition by ' ~ partition ~ ' order by round(' ~ value ~ ', 12)' -%}
    rank() over ({{ ordered }})
    + (count(*) over ({{ ordered }} range between current row and current row) - 1) / 2.0
{%- endmacro %}

{#- The one reason that all rows of a group share, null where they differ or some row has no reason. -#}
{% macro shared_reason(reason) -%}
    case
        when count({{ reason }}) = count(*) and min({{ reason }}) = max({{ reason }})
            then min({{ reason }})
    end
{%- endmacro %}

{#-
  The reliability of all respondents' scores from the r between two random halves of them, by
  Spearman and Brown: 2r / (1 + r); 0 where the halves do not agree at all.
-#}
{% macro spearman_brown(r) -%}
    case when {{ r }} > 0 then 2 * {{ r }} / (1 + {{ r }}) when {{ r }} <= 0 then 0 end
{%- endmacro %}

{#-
  The highest r with people's scores that a predictor of the true scores would reach: the square root
  of the scores' reliability, which is the true share of their variance.
-#}
{% macro noise_ceiling(reliability) -%}
    sqrt({{ not_negative(reliability) }})
{%- endmacro %}
