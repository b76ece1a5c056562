with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

correlations as (

    select * from {{ ref('int_country_correlations') }}

),

intervals as (

    select * from {{ ref('int_correlation_intervals') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

scored_countries as (

    select
        model_id,
        prompt_id,
        survey_id,
        country_id,
        population_id,
        coding_id,
        question_selection,
        count(*) as scored_question_count,
        {{ shared_reason('null_reason') }} as shared_null_reason
    from mean_scores
    where country_id != 'ZZZ'
    group by all

),

final as (

    select
        scored_countries.model_id,
        scored_countries.prompt_id,
        scored_countries.survey_id,
        scored_countries.country_id,
        scored_countries.population_id,
        scored_countries.coding_id,
        scored_countries.question_selection,
        '{{ var("question_set") }}' as question_set,
        coalesce(prompts.choice_order = 'averaged', false) as is_order_controlled,
        scored_countries.scored_question_count,
        coalesce(correlations.question_count, 0) as question_count,
        correlations.pearson_r,
        intervals.ci_low,
        intervals.ci_high,
        case
            when correlations.question_count is null
                then coalesce(scored_countries.shared_null_reason, 'too_few_questions')
            else correlations.null_reason
        end as null_reason,
        correlations.spearman_rho,
        correlations.demeaned_pearson_r,
        coalesce(correlations.demeaned_question_count, 0) as demeaned_question_count,
        case
            when correlations.question_count is null then 'too_few_questions'
            else correlations.demeaned_null_reason
        end as demeaned_null_reason,
        correlations.blind_baseline_r,
        correlations.skill,
        case
            when correlations.question_count is null then 'too_few_questions'
            else correlations.blind_null_reason
        end as blind_null_reason,
        correlations.country_gain,
        correlations.noise_ceiling,
        correlations.human_error_basis,
        correlations.mean_absolute_error,
        correlations.mean_wasserstein_1,
        correlations.mean_total_variation,
        correlations.mean_jensen_shannon_distance,
        correlations.modal_agreement_share,
        correlations.mean_llm_entropy,
        correlations.mean_human_entropy,
        correlations.mean_off_choice_mass
    from scored_countries
    left outer join correlations
        on
            scored_countries.model_id = correlations.model_id
            and scored_countries.prompt_id = correlations.prompt_id
            and scored_countries.survey_id = correlations.survey_id
            and scored_countries.country_id = correlations.country_id
    left outer join intervals
        on
            scored_countries.model_id = intervals.model_id
            and scored_countries.prompt_id = intervals.prompt_id
            and scored_countries.survey_id = intervals.survey_id
            and scored_countries.country_id = intervals.area_id
            and intervals.area_kind = 'country'
    left outer join prompts on scored_countries.prompt_id = prompts.prompt_id

)

select * from final
