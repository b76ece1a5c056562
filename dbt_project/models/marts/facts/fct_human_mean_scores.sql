with

human_mean_scores as (

    select * from {{ ref('int_human_mean_scores') }}

),

totals as (

    select
        *,
        sum(human_mean_score) over question as sum_of_country_scores,
        count(human_mean_score) over question as country_count
    from human_mean_scores
    window question as (partition by population_id, coding_id, question_id)

),

final as (

    select
        population_id,
        coding_id,
        question_id,
        country_id,
        survey_id,
        category_id,
        question_selection,
        load_id,
        wave,
        first_year,
        last_year,
        choice_count,
        human_mean_score,
        human_standard_error,
        standard_error_basis,
        human_entropy,
        human_modal_choice,
        human_variance,
        uniform_wasserstein_1,
        uniform_total_variation,
        uniform_jensen_shannon_distance,
        floor_wasserstein_1,
        floor_total_variation,
        floor_jensen_shannon_distance,
        outside_scale_share,
        cast(respondents as bigint) as respondents,
        effective_sample_size,
        country_count,
        case
            when country_count > 1
                then (sum_of_country_scores - human_mean_score) / (country_count - 1)
        end as blind_mean_score,
        null_reason
    from totals

)

select * from final
