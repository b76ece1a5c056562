{#- Measures of probability distributions over a cell's rows, one row a choice. -#}

{#-
  The softmax exp(l_k) / sum_j exp(l_j) of one choice, given the cell's largest l and `softmax_sum`.
-#}
{% macro softmax(log_likelihood, largest, sum) -%}
    {{ softmax_term(log_likelihood, largest) }} / {{ sum }}
{%- endmacro %}

{% macro softmax_term(log_likelihood, largest) -%}
    exp({{ log_likelihood }} - {{ largest }})
{%- endmacro %}

{#-
  The sum over a cell's choices, added in their order, because the last bit of a sum depends on it.
-#}
{% macro softmax_sum() -%}
    list_sum(list_transform(
        list({{ impossible_as_minus_infinity('log_likelihood') }} order by choice_index),
        lambda l: {{ softmax_term('l', 'max(log_likelihood)') }}
    ))
{%- endmacro %}

{#-
  Whether a cell has a distribution over its choices: its rows are exactly the instrument's, and not all
  answers are outside them.
-#}
{% macro is_whole_cell() -%}
    count(choice_count) = count(*) and count(*) = max(choice_count) and count(log_likelihood) > 0
{%- endmacro %}

{#- Staging has no log-likelihood where the probability is 0, as brought answers may have it. -#}
{% macro impossible_as_minus_infinity(log_likelihood) -%}
    coalesce({{ log_likelihood }}, cast('-infinity' as double))
{%- endmacro %}

{#-
  The ways to normalise a cell's log-likelihoods side by side. Each is the softmax of another value
  of the answer: `sum` of its l, the default; `per_token` and `per_byte` of l over the answer's length;
  `label` of its label's l alone; `pmi` of l minus the country-free prompt's l (pointwise mutual
  information); `temperature` of l / T.
-#}
{% macro normalizations() -%}
    {{ return(['sum', 'per_token', 'per_byte', 'label', 'pmi', 'temperature']) }}
{%- endmacro %}

{#- Whether a design's numbers are log-likelihoods of answers, which can be normalised otherwise. -#}
{% macro is_likelihood(elicitation) -%}
    coalesce({{ elicitation }} = 'likelihood', true)
{%- endmacro %}

{#- Mean score under the softmax of `value`, given the cell's largest; null where one is missing. -#}
{% macro softmax_mean_score(value, largest, choice_score) -%}
    case
        when count({{ value }}) = count(*)
            then
                sum({{ softmax_term(value, largest) }} * {{ choice_score }})
                / sum({{ softmax_term(value, largest) }})
    end
{%- endmacro %}

{#-
  Sets of orders in which no choice is favoured by its position: in all rotations every choice is at
  every position, in forward and reverse at two mirrored ones. Rotations are taken where all are there.
-#}
{% macro is_rotation(choice_order) -%}
    ({{ choice_order }} = 'forward' or {{ choice_order }} like 'rotate_%')
{%- endmacro %}

{% macro is_balanced_order(choice_order, choice_count, answer) -%}
    case
        when
            count(*) filter (where {{ is_rotation(choice_order) }}) over {{ answer }}
            = {{ choice_count }}
            then {{ is_rotation(choice_order) }}
        when
            count(*) filter (where {{ choice_order }} in ('forward', 'reverse')) over {{ answer }}
            = 2
            then {{ choice_order }} in ('forward', 'reverse')
        else false
    end
{%- endmacro %}

{#- Shannon entropy in bits. -#}
{% macro entropy(p) -%}
    -sum(case when {{ p }} > 0 then {{ p }} * log2({{ p }}) when {{ p }} = 0 then 0 end)
{%- endmacro %}

{#- One choice's share of the divergence of p from the mean of p and q; null where either is. -#}
{% macro divergence_term(p, q) -%}
    case when {{ p }} > 0 then {{ p }} * log2(2 * {{ p }} / ({{ p }} + {{ q }})) when {{ p }} = 0 then 0 end
{%- endmacro %}

{#- Half the summed absolute differences, 0 to 1. -#}
{% macro total_variation(p, q) -%}
    sum(abs({{ p }} - {{ q }})) / 2
{%- endmacro %}

{#- Jensen-Shannon distance: the square root of the divergence in bits, 0 to 1; null without either. -#}
{% macro jensen_shannon_distance(p, q) -%}
    sqrt({{ not_negative('sum(' ~ divergence_term(p, q) ~ ' + ' ~ divergence_term(q, p) ~ ') / 2') }})
{%- endmacro %}

{#- 0 for what rounding makes negative; null stays null, which greatest() would pass over. -#}
{% macro not_negative(value) -%}
    case when {{ value }} is not null then greatest(0.0, {{ value }}) end
{%- endmacro %}

{#-
  Wasserstein-1 distance on the score's scale: the cumulative distributions' absolute differences,
  summed, times the distance 2/(K-1) of neighbouring choices. Null where either is unknown.
-#}
{% macro wasserstein_1(p, q, choice_index) -%}
    case
        when count({{ p }} - {{ q }}) = count(*)
            then {{ summed_steps('list(' ~ p ~ ' - ' ~ q ~ ' order by ' ~ choice_index ~ ')') }}
                * 2 / (count(*) - 1)
    end
{%- endmacro %}

{#- The absolute running totals of a list, summed. -#}
{% macro summed_steps(differences) -%}
    list_sum(list_transform(
        range(1, len({{ differences }}) + 1),
        lambda k: abs(list_sum({{ differences }}[1:k]))
    ))
{%- endmacro %}

{#-
  How far the shares of n people are from those of all whom they are a sample of, on average, times the
  square root of n: even the truth is so far from a survey. A share of n deviates by
  sqrt(2/pi) sqrt(p(1 - p)/n) on average where it is normal, as the sums of shares of `wasserstein_1` do.
  8 ln 2 n times the Jensen-Shannon divergence is chi-squared of one degree of freedom less than there are
  answers that anybody gave.
-#}
{% macro floor_total_variation(p) -%}
    sum(sqrt({{ p }} * (1 - {{ p }}))) * sqrt(2 / pi()) / 2
{%- endmacro %}

{% macro floor_wasserstein_1(p, choice_index) -%}
    {%- set shares = 'list(' ~ p ~ ' order by ' ~ choice_index ~ ')' -%}
    case
        when count({{ p }}) = count(*)
            then list_sum(list_transform(
                range(1, len({{ shares }})),
                lambda k: sqrt(greatest(0.0, list_sum({{ shares }}[1:k]) * (1 - list_sum({{ shares }}[1:k]))))
            )) * sqrt(2 / pi()) * 2 / (count(*) - 1)
    end
{%- endmacro %}

{% macro floor_jensen_shannon_distance(p) -%}
    {%- set given = 'count(*) filter (where ' ~ p ~ ' > 0)' -%}
    case
        when {{ given }} > 1
            then exp(lgamma({{ given }} / 2) - lgamma(({{ given }} - 1) / 2)) / sqrt(4 * ln(2))
        when {{ given }} = 1 then 0
    end
{%- endmacro %}

{#-
  How far a mean score moves for each nat of independent noise in every choice's log-likelihood:
  sqrt(sum_k (dm/dl_k)^2) with dm/dl_k = p_k (s_k - m), and m written out so that it is one pass. Null
  where there is no distribution or no scale.
-#}
{% macro noise_sensitivity(p, score) -%}
    case
        when count({{ p }} * {{ score }}) = count(*)
            then sqrt(greatest(0.0,
                sum(power({{ p }} * {{ score }}, 2))
                - 2 * sum({{ p }} * {{ score }}) * sum(power({{ p }}, 2) * {{ score }})
                + power(sum({{ p }} * {{ score }}), 2) * sum(power({{ p }}, 2))
            ))
    end
{%- endmacro %}

{#-
  Sampling error of a mean score whose probabilities are shares of n draws, by the multinomial:
  SE^2 = sum_k p_k (s_k - m)^2 / (n - 1). Null where the probabilities are not shares, and for n < 2.
-#}
{% macro sampling_error(p, score, draws) -%}
    case
        when max({{ draws }}) > 1 and count({{ p }} * {{ score }}) = count(*)
            then sqrt(
                greatest(
                    0.0, sum({{ p }} * power({{ score }}, 2)) - power(sum({{ p }} * {{ score }}), 2)
                ) / (max({{ draws }}) - 1)
            )
    end
{%- endmacro %}

{#- The index of the likeliest choice, the first of several. -#}
{% macro modal_choice(choice_index, p) -%}
    arg_max({{ choice_index }}, {'p': {{ p }}, 'first': -{{ choice_index }}})
{%- endmacro %}

{#-
  Sampling error of a weighted mean score, linearised: SE^2 = n/(n-1) sum_k W2_k (s_k - h)^2 / W^2,
  times the variable `deff`. W and W2 are a choice's sums of weights and of squared weights. A lower
  bound, because the sample's strata and clusters are unknown. Null without counts and for n < 2.
-#}
{% macro standard_error(score, mean, respondents, weight, squared_weight) -%}
    case
        when sum({{ respondents }}) > 1 and count({{ squared_weight }}) = count(*)
            then sqrt(
                {{ var_number('deff') }}
                * sum({{ respondents }}) / (sum({{ respondents }}) - 1)
                * sum({{ squared_weight }} * power({{ score }} - {{ mean }}, 2))
                / power(sum({{ weight }}), 2)
            )
    end
{%- endmacro %}

{#-
  The same for shares without counts, as if the variable `assumed_respondents` people had answered:
  SE^2 = sum_k r_k (s_k - h)^2 / (n - 1), times `deff`.
-#}
{% macro assumed_standard_error(score, mean, share) -%}
    sqrt(
        {{ var_number('deff') }}
        * sum({{ share }} * power({{ score }} - {{ mean }}, 2))
        / ({{ var_number('assumed_respondents') }} - 1)
    )
{%- endmacro %}
