with

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

measured as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        question_set,
        count(*) as question_count,
        count(distinct battery_id) as battery_count,
        max(compared_country_count) as compared_country_count,
        {{ pearson_r('llm_mean_score', 'human_mean_score', var('minimum_questions')) }}
            as pearson_r,
        {{ pearson_r_null_reason(
            'llm_mean_score', 'human_mean_score', var('minimum_questions'), 'too_few_questions'
        ) }} as null_reason,
        {{ pearson_r('llm_rank', 'human_rank', var('minimum_questions')) }} as spearman_rho,
        count(demeaned_llm_score) as demeaned_question_count,
        {{ pearson_r('demeaned_llm_score', 'demeaned_human_score', var('minimum_questions')) }}
            as demeaned_pearson_r,
        {{ pearson_r_null_reason(
            'demeaned_llm_score',
            'demeaned_human_score',
            var('minimum_questions'),
            'too_few_reference_countries',
        ) }} as demeaned_null_reason,
        count(blind_mean_score) = count(*) as has_blind_scores,
        {{ pearson_r('blind_mean_score', 'human_mean_score', var('minimum_questions')) }}
            as blind_baseline_r,
        sum(power(llm_mean_score - human_mean_score, 2)) as squared_error,
        sum(power(blind_mean_score - human_mean_score, 2)) as blind_squared_error,
        {{ pearson_r('mean_llm_score', 'human_mean_score', var('minimum_questions')) }}
            as mean_llm_r,
        var_pop(human_mean_score) as human_variance,
        count(human_standard_error) = count(*) as has_standard_errors,
        case
            when count(distinct standard_error_basis) > 1 then 'mixed'
            else min(standard_error_basis)
        end as human_error_basis,
        avg(power(human_standard_error, 2)) as mean_error_variance,
        avg(absolute_error) as mean_absolute_error,
        avg(wasserstein_1) as mean_wasserstein_1,
        avg(total_variation) as mean_total_variation,
        avg(jensen_shannon_distance) as mean_jensen_shannon_distance,
        avg(cast(modal_agreement as integer)) as modal_agreement_share,
        avg(llm_entropy) as mean_llm_entropy,
        avg(human_entropy) as mean_human_entropy,
        avg(off_choice_mass) as mean_off_choice_mass
    from cells
    group by all

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        question_set,
        question_count,
        battery_count,
        pearson_r,
        null_reason,
        spearman_rho,
        demeaned_question_count,
        demeaned_pearson_r,
        demeaned_null_reason,
        case when has_blind_scores then blind_baseline_r end as blind_baseline_r,
        case
            when
                has_blind_scores
                and question_count >= {{ var('minimum_questions') }}
                and sqrt(blind_squared_error / question_count) >= 1e-12
                then 1 - squared_error / blind_squared_error
        end as skill,
        case
            when question_count < {{ var('minimum_questions') }} then 'too_few_questions'
            when not has_blind_scores then 'question_without_other_countries'
            when blind_baseline_r is null then 'no_variance'
        end as blind_null_reason,
        case
            when compared_country_count > 1 then pearson_r - mean_llm_r
        end as country_gain,
        case
            when
                has_standard_errors
                and question_count >= {{ var('minimum_questions') }}
                and sqrt(human_variance) >= 1e-12
                then sqrt(greatest(0.0, 1 - mean_error_variance / human_variance))
        end as noise_ceiling,
        human_error_basis,
        mean_absolute_error,
        mean_wasserstein_1,
        mean_total_variation,
        mean_jensen_shannon_distance,
        modal_agreement_share,
        mean_llm_entropy,
        mean_human_entropy,
        mean_off_choice_mass
    from measured

)

select * from final
