with

members as (

    select * from {{ ref('int_question_set_members') }}

),

best_other_countries as (

    select * from {{ ref('int_best_other_countries') }}

),

split_half_correlations as (

    select * from {{ ref('int_split_half_correlations') }}

),

measured as (

    select
        population_id,
        coding_id,
        country_id,
        question_set_id,
        count(*) as question_count,
        count(blind_mean_score) = count(*) as has_blind_scores,
        {{ pearson_r('blind_mean_score', 'human_mean_score', var_number('minimum_questions')) }}
            as blind_baseline_r,
        {{ rho0('blind_mean_score', 'human_mean_score') }} as blind_rho0,
        sum(power(blind_mean_score - human_mean_score, 2)) as blind_squared_error,
        stddev_pop(human_mean_score) as human_standard_deviation,
        count(human_standard_error) = count(*) as has_standard_errors,
        case
            when count(distinct standard_error_basis) > 1 then 'mixed'
            else min(standard_error_basis)
        end as human_error_basis,
        avg(power(human_standard_error, 2)) as mean_error_variance,
        avg(human_entropy) as mean_human_entropy,
        -- Uniform answers have a mean score of 0.
        avg(abs(human_mean_score)) as uniform_mean_absolute_error,
        avg(uniform_wasserstein_1) as uniform_mean_wasserstein_1,
        avg(uniform_total_variation) as uniform_mean_total_variation,
        avg(uniform_jensen_shannon_distance) as uniform_mean_jensen_shannon_distance
    from members
    group by all

),

split_halves as (

    select
        population_id,
        coding_id,
        country_id,
        question_set_id,
        count(pearson_r) as split_count,
        avg(pearson_r) as split_half_r,
        {{ spearman_brown('avg(pearson_r)') }} as split_half_reliability,
        min(null_reason) as null_reason
    from split_half_correlations
    group by all

),

explained as (

    select
        measured.*,
        best_other_countries.best_other_country_id,
        best_other_countries.best_other_country_r,
        coalesce(best_other_countries.other_country_count, 0) as other_country_count,
        coalesce(split_halves.split_count, 0) as split_count,
        split_halves.split_half_r,
        split_halves.split_half_reliability,
        case
            when measured.question_count < {{ var_number('minimum_questions') }}
                then 'too_few_questions'
            when not measured.has_blind_scores then 'question_without_other_countries'
            when measured.blind_baseline_r is null then 'no_variance'
        end as blind_null_reason,
        case
            when measured.question_count < {{ var_number('minimum_questions') }}
                then 'too_few_questions'
            when measured.human_standard_deviation < 1e-12 then 'no_variance_in_survey'
            when best_other_countries.best_other_country_r is null
                then 'no_other_country_with_all_questions'
        end as best_other_country_null_reason,
        case
            when measured.question_count < {{ var_number('minimum_questions') }}
                then 'too_few_questions'
            when not measured.has_standard_errors then 'no_standard_error'
            when measured.human_standard_deviation < 1e-12 then 'no_variance_in_survey'
        end as noise_ceiling_null_reason,
        case
            when measured.question_count < {{ var_number('minimum_questions') }}
                then 'too_few_questions'
            when split_halves.question_set_id is null then 'no_split_halves_loaded'
            when split_halves.split_half_r is null then split_halves.null_reason
        end as split_half_null_reason
    from measured
    left outer join best_other_countries
        on
            measured.population_id = best_other_countries.population_id
            and measured.coding_id = best_other_countries.coding_id
            and measured.country_id = best_other_countries.country_id
            and measured.question_set_id = best_other_countries.question_set_id
    left outer join split_halves
        on
            measured.population_id = split_halves.population_id
            and measured.coding_id = split_halves.coding_id
            and measured.country_id = split_halves.country_id
            and measured.question_set_id = split_halves.question_set_id

),

final as (

    select
        population_id,
        coding_id,
        country_id,
        question_set_id,
        question_count,
        case when blind_null_reason is null then blind_baseline_r end as blind_baseline_r,
        case when has_blind_scores then blind_rho0 end as blind_rho0,
        case when has_blind_scores then blind_squared_error end as blind_squared_error,
        blind_null_reason,
        best_other_country_id,
        best_other_country_r,
        other_country_count,
        best_other_country_null_reason,
        case
            when noise_ceiling_null_reason is null
                then
                    {{ noise_ceiling(
                        '1 - mean_error_variance / power(human_standard_deviation, 2)'
                    ) }}
        end as noise_ceiling,
        human_error_basis,
        noise_ceiling_null_reason,
        split_count,
        split_half_r,
        split_half_reliability,
        {{ noise_ceiling('split_half_reliability') }} as split_half_ceiling,
        split_half_null_reason,
        mean_human_entropy,
        uniform_mean_absolute_error,
        uniform_mean_wasserstein_1,
        uniform_mean_total_variation,
        uniform_mean_jensen_shannon_distance
    from explained

)

select * from final
