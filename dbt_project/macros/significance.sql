{#- Intervals, and tests of many differences at once. -#}

{#-
  Rows of a relation with `family_test_count`, `q_value` and `q_null_reason` added, from its columns
  p_value, family and interval_null_reason. The q-value is Benjamini and Hochberg's: with the m
  p-values of a family in order, q_(i) = min over j >= i of p_(j) m / j.
-#}
{% macro with_q_values(relation) -%}
    select
        * exclude (p_rank),
        case
            when p_value is not null
                then least(1.0, min(p_value * family_test_count / p_rank) over (
                    partition by family order by p_value desc
                ))
        end as q_value,
        case when p_value is null then coalesce(interval_null_reason, 'not_tested') end
            as q_null_reason
    from (
        select
            *,
            count(p_value) over (partition by family) as family_test_count,
            row_number() over (partition by family order by p_value) as p_rank
        from {{ relation }}
    ) as ranked
{%- endmacro %}

{#- Why a design of one choice order has no verdict. -#}
{% macro one_order() -%}
    'one choice order only: score the reversed order too'
{%- endmacro %}

{#-
  The intervals of r, the demeaned r and r above the blind baseline of one kind of area, and the ranks of
  the first two, one row each.
-#}
{% macro intervals_side_by_side(relation, area_kind) -%}
    select
        model_id,
        prompt_id,
        survey_id,
        area_id,
        {{ of_measure('ci_low', 'pearson_r') }} as ci_low,
        {{ of_measure('ci_high', 'pearson_r') }} as ci_high,
        {{ of_measure('standard_error', 'pearson_r') }} as standard_error,
        {{ of_measure('interval_null_reason', 'pearson_r') }} as interval_null_reason,
        {{ of_measure('ci_low', 'demeaned_pearson_r') }} as demeaned_ci_low,
        {{ of_measure('ci_high', 'demeaned_pearson_r') }} as demeaned_ci_high,
        {{ of_measure('estimate', 'r_above_blind') }} as r_above_blind,
        {{ of_measure('country_count', 'r_above_blind') }} as r_above_blind_country_count,
        {{ of_measure('ci_low', 'r_above_blind') }} as r_above_blind_ci_low,
        {{ of_measure('ci_high', 'r_above_blind') }} as r_above_blind_ci_high,
        {{ of_measure('p_value', 'r_above_blind') }} as r_above_blind_p_value,
        {{ of_measure('q_value', 'r_above_blind') }} as r_above_blind_q_value,
        {{ of_measure('q_null_reason', 'r_above_blind') }} as r_above_blind_q_null_reason,
        {{ of_measure('family', 'r_above_blind') }} as r_above_blind_family,
        {{ of_measure('rank', 'pearson_r') }} as r_rank,
        {{ of_measure('rank_low', 'pearson_r') }} as r_rank_low,
        {{ of_measure('rank_high', 'pearson_r') }} as r_rank_high,
        {{ of_measure('ranked_count', 'pearson_r') }} as ranked_count,
        {{ of_measure('ranking_reliability', 'pearson_r') }} as r_ranking_reliability,
        {{ of_measure('ranking_null_reason', 'pearson_r') }} as r_ranking_null_reason,
        {{ of_measure('rank', 'demeaned_pearson_r') }} as demeaned_rank,
        {{ of_measure('rank_low', 'demeaned_pearson_r') }} as demeaned_rank_low,
        {{ of_measure('rank_high', 'demeaned_pearson_r') }} as demeaned_rank_high,
        {{ of_measure('ranking_reliability', 'demeaned_pearson_r') }}
            as demeaned_ranking_reliability,
        {{ of_measure('ranking_null_reason', 'demeaned_pearson_r') }}
            as demeaned_ranking_null_reason
    from {{ relation }}
    where area_kind = '{{ area_kind }}'
    group by all
{%- endmacro %}

{#- What random answers reach in areas of a kind, or a pattern of kinds (`int_random_answers`). -#}
{% macro random_answers(area_kind, name) -%}
    select
        model_id,
        prompt_id,
        survey_id,
        area_kind,
        area_id,
        random_mean as random_{{ name }},
        random_low as random_{{ name }}_low,
        random_high as random_{{ name }}_high,
        random_place,
        random_q_value,
        random_distance,
        country_free_estimate as country_free_{{ name }},
        rank,
        rank_low,
        rank_high,
        ranking_reliability,
        ranking_null_reason
    from {{ ref('int_random_answers') }}
    where area_kind like '{{ area_kind }}'
{%- endmacro %}

{#- A column where the row is of one measure; there is at most one such row in a group. -#}
{% macro of_measure(column, measure) -%}
    max({{ column }}) filter (where measure = '{{ measure }}')
{%- endmacro %}
