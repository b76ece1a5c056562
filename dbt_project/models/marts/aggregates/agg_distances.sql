with

sums as (

    select * from {{ ref('int_distance_sums') }}

),

distances as (

    select * from {{ ref('int_distances') }}

),

measured as (

    select
        model_id,
        prompt_id,
        survey_id,
        population_id,
        coding_id,
        question_selection,
        question_set,
        stratum,
        cast(sum(cells) as bigint) as cell_count,
        cast(sum(questions) as bigint) as question_count,
        cast(len(list_distinct(flatten(list(country_ids)))) as bigint) as country_count,
        sum(human_entropy) / sum(cells) as mean_human_entropy,
        sum(llm_entropy) / sum(cells) as mean_llm_entropy,
        sum(modal_agreement) / sum(cells) as modal_agreement_share,
        sum(uniform_wasserstein_1) / sum(cells) as uniform_mean_wasserstein_1,
        sum(uniform_total_variation) / sum(cells) as uniform_mean_total_variation,
        sum(uniform_jensen_shannon_distance) / sum(cells) as uniform_mean_jensen_shannon_distance,
        sum(floor_wasserstein_1) / sum(cells) as floor_mean_wasserstein_1,
        sum(floor_total_variation) / sum(cells) as floor_mean_total_variation,
        sum(floor_jensen_shannon_distance) / sum(cells) as floor_mean_jensen_shannon_distance,
        case when sum(cells_with_floor) < sum(cells) then 'no_respondents' end
            as floor_null_reason
    from sums
    group by all

),

final as (

    select
        measured.model_id,
        measured.prompt_id,
        measured.survey_id,
        measured.stratum,
        measured.population_id,
        measured.coding_id,
        measured.question_selection,
        measured.question_set,
        measured.cell_count,
        measured.question_count,
        measured.country_count,
        measured.mean_human_entropy,
        measured.mean_llm_entropy,
        measured.modal_agreement_share,
        distances.mean_absolute_error,
        distances.mean_absolute_error_ci_low,
        distances.mean_absolute_error_ci_high,
        distances.mean_wasserstein_1,
        distances.mean_wasserstein_1_ci_low,
        distances.mean_wasserstein_1_ci_high,
        measured.uniform_mean_wasserstein_1,
        case when measured.floor_null_reason is null then measured.floor_mean_wasserstein_1 end
            as floor_mean_wasserstein_1,
        distances.mean_total_variation,
        distances.mean_total_variation_ci_low,
        distances.mean_total_variation_ci_high,
        measured.uniform_mean_total_variation,
        case when measured.floor_null_reason is null then measured.floor_mean_total_variation end
            as floor_mean_total_variation,
        distances.total_variation_score,
        distances.total_variation_score_ci_low,
        distances.total_variation_score_ci_high,
        distances.mean_jensen_shannon_distance,
        distances.mean_jensen_shannon_distance_ci_low,
        distances.mean_jensen_shannon_distance_ci_high,
        measured.uniform_mean_jensen_shannon_distance,
        case
            when measured.floor_null_reason is null
                then measured.floor_mean_jensen_shannon_distance
        end as floor_mean_jensen_shannon_distance,
        measured.floor_null_reason,
        case when measured.floor_null_reason is null then distances.effective_respondents end
            as effective_respondents,
        case
            when measured.floor_null_reason is null then distances.effective_respondents_ci_low
        end as effective_respondents_ci_low,
        case
            when measured.floor_null_reason is null then distances.effective_respondents_ci_high
        end as effective_respondents_ci_high,
        case
            when measured.floor_null_reason is not null then measured.floor_null_reason
            when distances.effective_respondents is null then 'within_sampling_error'
        end as effective_respondents_null_reason,
        distances.battery_count,
        distances.degrees_of_freedom,
        distances.interval_null_reason
    from measured
    inner join distances
        on
            measured.model_id = distances.model_id
            and measured.prompt_id = distances.prompt_id
            and measured.survey_id = distances.survey_id
            and measured.stratum = distances.stratum

)

select * from final
