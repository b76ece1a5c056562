with

cells as (

    select * from {{ ref('cmp_quantization_cells') }}

),

comparable_cells as not materialized (

    select * from {{ ref('int_comparable_cells') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

noise as (

    select * from {{ ref('int_numerical_noise') }}

),

deltas as (

    select * from {{ ref('int_paired_deltas') }}

),

drift as (

    select
        survey_id,
        model_id,
        other_model_id,
        prompt_id,
        count(*) filter (where is_same_text) as cell_count,
        count(*) filter (where not is_same_text) as differently_asked_cell_count,
        count(mean_score_drift) as scored_cell_count,
        avg(total_variation) as mean_total_variation,
        max(total_variation) as largest_total_variation,
        avg(jensen_shannon_distance) as mean_jensen_shannon_distance,
        avg(cast(is_modal_answer_changed as integer)) as modal_answer_changed_share,
        avg(mean_score_drift) as mean_score_bias,
        avg(abs(mean_score_drift)) as mean_absolute_score_drift,
        sqrt(avg(power(mean_score_drift, 2))) as rms_score_drift,
        {{ pearson_r(
            'case when is_same_text then llm_mean_score end',
            'case when is_same_text then other_llm_mean_score end',
            var_number('minimum_questions'),
        ) }} as mean_score_pearson_r,
        case
            when count(noise_floor) = count(mean_score_drift) then sqrt(avg(power(noise_floor, 2)))
        end as rms_noise_floor
    from cells
    group by all

),

-- r of both over identical cells.
country_correlations as (

    select
        cells.survey_id,
        cells.model_id,
        cells.other_model_id,
        cells.prompt_id,
        cells.country_id,
        {{ pearson_r(
            'comparable_cells.llm_mean_score',
            'comparable_cells.human_mean_score',
            var_number('minimum_questions'),
        ) }} as pearson_r,
        {{ pearson_r(
            'other_comparable_cells.llm_mean_score',
            'comparable_cells.human_mean_score',
            var_number('minimum_questions'),
        ) }} as other_pearson_r
    from cells
    inner join comparable_cells
        on
            cells.model_id = comparable_cells.model_id
            and cells.prompt_id = comparable_cells.prompt_id
            and cells.question_id = comparable_cells.question_id
            and cells.country_id = comparable_cells.country_id
    inner join comparable_cells as other_comparable_cells
        on
            cells.other_model_id = other_comparable_cells.model_id
            and cells.prompt_id = other_comparable_cells.prompt_id
            and cells.question_id = other_comparable_cells.question_id
            and cells.country_id = other_comparable_cells.country_id
    where cells.is_same_text
    group by all

),

country_ranks as (

    select
        *,
        {{ mean_rank('pearson_r', 'survey_id, model_id, other_model_id, prompt_id') }}
            as country_rank,
        {{ mean_rank('other_pearson_r', 'survey_id, model_id, other_model_id, prompt_id') }}
            as other_country_rank
    from country_correlations
    where
        pearson_r is not null
        and other_pearson_r is not null

),

agreement as (

    select
        survey_id,
        model_id,
        other_model_id,
        prompt_id,
        count(*) as country_count,
        avg(pearson_r) as pearson_r,
        avg(other_pearson_r) as other_pearson_r,
        avg(pearson_r - other_pearson_r) as pearson_r_delta,
        {{ pearson_r('country_rank', 'other_country_rank', var_number('minimum_countries')) }}
            as country_rank_rho
    from country_ranks
    group by all

),

world_deltas as (

    select *
    from deltas
    where
        comparison = 'quantization'
        and area_kind = 'world'
        and measure = 'pearson_r'

),

measured as (

    select
        drift.*,
        noise.log_likelihood_noise,
        noise.noise_basis,
        other_noise.log_likelihood_noise as other_log_likelihood_noise,
        other_noise.noise_basis as other_noise_basis,
        drift.rms_score_drift / nullif(drift.rms_noise_floor, 0) as drift_to_noise_ratio,
        coalesce(agreement.country_count, 0) as country_count,
        agreement.pearson_r,
        agreement.other_pearson_r,
        agreement.pearson_r_delta,
        agreement.country_rank_rho,
        world_deltas.ci_low as pearson_r_delta_ci_low,
        world_deltas.ci_high as pearson_r_delta_ci_high
    from drift
    left outer join noise
        on
            drift.model_id = noise.model_id
            and drift.prompt_id = noise.prompt_id
    left outer join noise as other_noise
        on
            drift.other_model_id = other_noise.model_id
            and drift.prompt_id = other_noise.prompt_id
    left outer join agreement
        on
            drift.survey_id = agreement.survey_id
            and drift.model_id = agreement.model_id
            and drift.other_model_id = agreement.other_model_id
            and drift.prompt_id = agreement.prompt_id
    left outer join world_deltas
        on
            drift.survey_id = world_deltas.survey_id
            and drift.model_id = world_deltas.model_id
            and drift.other_model_id = world_deltas.other_model_id
            and drift.prompt_id = world_deltas.prompt_id
            and drift.prompt_id = world_deltas.other_prompt_id

),

-- A path's largest difference is not a standard deviation. It could hide a drift: it excuses none.
judged as (

    select
        *,
        coalesce(
            noise_basis in ('repeated_numerics', 'draws')
            and other_noise_basis in ('repeated_numerics', 'draws')
            and rms_score_drift <= {{ var_number('largest_noise_ratio') }} * rms_noise_floor,
            false
        ) as is_within_noise
    from measured

),

reasoned as (

    select
        *,
        case
            when cell_count = 0 then 'asked_differently'
            when scored_cell_count < {{ var_number('minimum_drift_cells') }} then 'too_few_cells'
            when rms_noise_floor is null then 'noise_not_measured'
            when is_within_noise then null
            when country_count = 0 then 'no_correlation'
            when pearson_r_delta_ci_low is null then 'no_interval'
        end as null_reason
    from judged

),

final as (

    select
        reasoned.survey_id,
        reasoned.model_id,
        reasoned.other_model_id,
        reasoned.prompt_id,
        models.display_name,
        other_models.display_name as other_display_name,
        models.quantization,
        other_models.quantization as other_quantization,
        models.file_bytes,
        other_models.file_bytes as other_file_bytes,
        case
            when reasoned.null_reason is not null then null
            when reasoned.is_within_noise then 'no difference beyond numerical noise'
            when
                reasoned.pearson_r_delta_ci_low >= -{{ var_number('small_delta_r') }}
                and reasoned.pearson_r_delta_ci_high <= {{ var_number('small_delta_r') }}
                then 'small change in r'
            when reasoned.pearson_r_delta_ci_low > 0 or reasoned.pearson_r_delta_ci_high < 0
                then 'changes results'
            else 'undecided'
        end as answer,
        reasoned.null_reason,
        reasoned.cell_count,
        reasoned.differently_asked_cell_count,
        reasoned.scored_cell_count,
        reasoned.mean_total_variation,
        reasoned.largest_total_variation,
        reasoned.mean_jensen_shannon_distance,
        reasoned.modal_answer_changed_share,
        reasoned.mean_score_bias,
        reasoned.mean_absolute_score_drift,
        reasoned.rms_score_drift,
        reasoned.mean_score_pearson_r,
        reasoned.log_likelihood_noise,
        reasoned.noise_basis,
        reasoned.other_log_likelihood_noise,
        reasoned.other_noise_basis,
        reasoned.rms_noise_floor,
        reasoned.drift_to_noise_ratio,
        reasoned.country_count,
        reasoned.pearson_r,
        reasoned.other_pearson_r,
        reasoned.pearson_r_delta,
        reasoned.pearson_r_delta_ci_low,
        reasoned.pearson_r_delta_ci_high,
        reasoned.country_rank_rho
    from reasoned
    inner join models on reasoned.model_id = models.model_id
    inner join models as other_models on reasoned.other_model_id = other_models.model_id

)

select * from final
