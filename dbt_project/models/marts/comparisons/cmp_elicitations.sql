with

pairs as (

    select * from {{ ref('int_elicitation_pairs') }}

),

probabilities as not materialized (

    select * from {{ ref('fct_choice_probabilities') }}

),

mean_scores as not materialized (

    select * from {{ ref('fct_mean_scores') }}

),

deltas as (

    select * from {{ ref('int_paired_deltas') }}

),

answers as (

    select * from {{ ref('stg_choice_log_likelihoods') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

-- Cells that were asked in both ways, with and without shares.
scored as (

    select
        pairs.survey_id,
        pairs.model_id,
        pairs.prompt_id,
        pairs.other_prompt_id,
        mean_scores.question_id,
        mean_scores.country_id,
        mean_scores.llm_mean_score,
        other_mean_scores.llm_mean_score as other_llm_mean_score,
        case
            when mean_scores.draws is not null or other_mean_scores.draws is not null
                then
                    sqrt(
                        power(coalesce(mean_scores.llm_standard_error, 0), 2)
                        + power(coalesce(other_mean_scores.llm_standard_error, 0), 2)
                    )
        end as sampling_error
    from pairs
    inner join mean_scores
        on
            pairs.survey_id = mean_scores.survey_id
            and pairs.model_id = mean_scores.model_id
            and pairs.prompt_id = mean_scores.prompt_id
    inner join mean_scores as other_mean_scores
        on
            pairs.model_id = other_mean_scores.model_id
            and pairs.other_prompt_id = other_mean_scores.prompt_id
            and mean_scores.question_id = other_mean_scores.question_id
            and mean_scores.country_id = other_mean_scores.country_id
    where mean_scores.country_id != 'ZZZ'

),

distances as (

    select
        pairs.model_id,
        pairs.prompt_id,
        pairs.other_prompt_id,
        probabilities.question_id,
        probabilities.country_id,
        {{ total_variation(
            'probabilities.llm_probability', 'other_probabilities.llm_probability'
        ) }} as total_variation,
        {{ wasserstein_1(
            'probabilities.llm_probability',
            'other_probabilities.llm_probability',
            'probabilities.choice_index',
        ) }} as wasserstein_1,
        {{ modal_choice('probabilities.choice_index', 'probabilities.llm_probability') }}
        != {{ modal_choice('probabilities.choice_index', 'other_probabilities.llm_probability') }}
            as is_modal_answer_changed
    from pairs
    inner join probabilities
        on
            pairs.survey_id = probabilities.survey_id
            and pairs.model_id = probabilities.model_id
            and pairs.prompt_id = probabilities.prompt_id
    inner join probabilities as other_probabilities
        on
            pairs.model_id = other_probabilities.model_id
            and pairs.other_prompt_id = other_probabilities.prompt_id
            and probabilities.question_id = other_probabilities.question_id
            and probabilities.country_id = other_probabilities.country_id
            and probabilities.choice_index = other_probabilities.choice_index
    where
        probabilities.llm_probability is not null
        and other_probabilities.llm_probability is not null
    group by all

),

differences as (

    select
        scored.survey_id,
        scored.model_id,
        scored.prompt_id,
        scored.other_prompt_id,
        count(distances.total_variation) as cell_count,
        count(*) - count(distances.total_variation) as unanswered_cell_count,
        count(scored.llm_mean_score - scored.other_llm_mean_score) as scored_cell_count,
        {{ pearson_r(
            'scored.llm_mean_score', 'scored.other_llm_mean_score', var_number('minimum_questions')
        ) }} as mean_score_pearson_r,
        avg(distances.total_variation) as mean_total_variation,
        avg(distances.wasserstein_1) filter (
            where scored.llm_mean_score - scored.other_llm_mean_score is not null
        ) as mean_wasserstein_1,
        avg(cast(distances.is_modal_answer_changed as integer)) as modal_answer_changed_share,
        avg(scored.llm_mean_score - scored.other_llm_mean_score) as mean_score_bias,
        sqrt(avg(power(scored.llm_mean_score - scored.other_llm_mean_score, 2)))
            as rms_score_difference,
        sqrt(avg(power(scored.sampling_error, 2)) filter (
            where scored.llm_mean_score - scored.other_llm_mean_score is not null
        )) as rms_sampling_error
    from scored
    left outer join distances
        on
            scored.model_id = distances.model_id
            and scored.prompt_id = distances.prompt_id
            and scored.other_prompt_id = distances.other_prompt_id
            and scored.question_id = distances.question_id
            and scored.country_id = distances.country_id
    group by all

),

stated_sums as (

    select
        answers.model_id,
        prompts.prompt_id,
        avg(answers.stated_sum) as mean_stated_sum,
        avg(cast(answers.stated_sum != 1 as integer)) as other_sum_share
    from answers
    inner join prompts as asked on answers.prompt_id = asked.prompt_id
    inner join prompts
        on
            asked.order_family_id = prompts.order_family_id
            and (prompts.is_derived or asked.prompt_id = prompts.prompt_id)
    where
        answers.stated_sum is not null
        and answers.choice_index = 1
        and answers.country_id != 'ZZZ'
    group by all

),

-- Over the cells that have people's answers too.
world_deltas as (

    select *
    from deltas
    where
        comparison = 'elicitation'
        and area_kind = 'world'

),

final as (

    select
        differences.survey_id,
        differences.model_id,
        differences.prompt_id,
        differences.other_prompt_id,
        models.display_name,
        prompts.elicitation,
        other_prompts.elicitation as other_elicitation,
        prompts.temperature,
        other_prompts.temperature as other_temperature,
        prompts.template_id,
        other_prompts.template_id as other_template_id,
        prompts.answer_style,
        other_prompts.answer_style as other_answer_style,
        prompts.coding_id,
        prompts.wording_set,
        prompts.chat_mode,
        prompts.choice_order,
        prompts.is_order_controlled,
        differences.cell_count,
        differences.unanswered_cell_count,
        differences.scored_cell_count,
        differences.mean_score_pearson_r,
        differences.mean_total_variation,
        differences.mean_wasserstein_1,
        differences.modal_answer_changed_share,
        differences.mean_score_bias,
        differences.rms_score_difference,
        differences.rms_sampling_error,
        stated_sums.mean_stated_sum,
        stated_sums.other_sum_share,
        coalesce(correlations.country_count, 0) as country_count,
        correlations.model_estimate as pearson_r,
        correlations.other_estimate as other_pearson_r,
        correlations.estimate as pearson_r_delta,
        correlations.ci_low as pearson_r_delta_ci_low,
        correlations.ci_high as pearson_r_delta_ci_high,
        correlations.q_value as pearson_r_delta_q_value,
        demeaned.model_estimate as demeaned_pearson_r,
        demeaned.other_estimate as other_demeaned_pearson_r,
        demeaned.estimate as demeaned_pearson_r_delta,
        demeaned.ci_low as demeaned_pearson_r_delta_ci_low,
        demeaned.ci_high as demeaned_pearson_r_delta_ci_high,
        correlations.verdict,
        case
            when correlations.verdict is not null then null
            when correlations.model_id is null then 'no_correlation'
            else correlations.verdict_null_reason
        end as verdict_null_reason
    from differences
    inner join models on differences.model_id = models.model_id
    inner join prompts on differences.prompt_id = prompts.prompt_id
    inner join prompts as other_prompts on differences.other_prompt_id = other_prompts.prompt_id
    left outer join stated_sums
        on
            differences.model_id = stated_sums.model_id
            and differences.prompt_id = stated_sums.prompt_id
    left outer join world_deltas as correlations
        on
            differences.survey_id = correlations.survey_id
            and differences.model_id = correlations.model_id
            and differences.prompt_id = correlations.prompt_id
            and differences.other_prompt_id = correlations.other_prompt_id
            and correlations.measure = 'pearson_r'
    left outer join world_deltas as demeaned
        on
            differences.survey_id = demeaned.survey_id
            and differences.model_id = demeaned.model_id
            and differences.prompt_id = demeaned.prompt_id
            and differences.other_prompt_id = demeaned.other_prompt_id
            and demeaned.measure = 'demeaned_pearson_r'

)

select * from final
