with

designs as (

    select
        dim_models.model_id,
        dim_prompts.prompt_id,
        concat_ws(' ', dim_models.display_name, dim_models.quantization) as model_name,
        dim_prompts.prompt_name
    from marts.dim_models
    cross join marts.dim_prompts
    where
        (dim_models.model_id = $model_id and dim_prompts.prompt_id = $prompt_id)
        or (dim_models.model_id = $other_model_id and dim_prompts.prompt_id = $other_prompt_id)

),

-- A name for each of the two, with the prompt where the model alone does not tell them apart.
named as (

    select
        model_id,
        prompt_id,
        model_name || if(
            count(*) over (partition by model_name) = 1, '', ', ' || prompt_name
        ) as described
    from designs

),

-- Cells that both have, in the same coding.
cells as (

    select
        scores.country_id,
        scores.llm_mean_score,
        other_scores.llm_mean_score as other_llm_mean_score,
        scores.human_mean_score,
        scores.blind_mean_score
    from marts.fct_mean_scores as scores
    inner join marts.fct_mean_scores as other_scores
        on
            scores.question_id = other_scores.question_id
            and scores.country_id = other_scores.country_id
            and scores.survey_id = other_scores.survey_id
            and scores.coding_id = other_scores.coding_id
            and scores.population_id = other_scores.population_id
    where
        scores.model_id = $model_id
        and scores.prompt_id = $prompt_id
        and scores.population_id = $population_id
        and other_scores.model_id = $other_model_id
        and other_scores.prompt_id = $other_prompt_id
        and scores.llm_mean_score is not null
        and other_scores.llm_mean_score is not null
        and scores.human_mean_score is not null

),

-- As the marts have it: no r below five questions or without variance.
measured as (

    select
        country_id,
        count(*) as question_count,
        case
            when question_count < 5 then 'too_few_questions'
            when stddev_pop(human_mean_score) < 1e-12 then 'no_variance_in_survey'
        end as shared_null_reason,
        case
            when shared_null_reason is null and stddev_pop(llm_mean_score) >= 1e-12
                then greatest(-1, least(1, corr(llm_mean_score, human_mean_score)))
        end as pearson_r,
        case
            when shared_null_reason is null and stddev_pop(other_llm_mean_score) >= 1e-12
                then greatest(-1, least(1, corr(other_llm_mean_score, human_mean_score)))
        end as other_pearson_r,
        case
            when
                shared_null_reason is null
                and count(blind_mean_score) = count(*)
                and stddev_pop(blind_mean_score) >= 1e-12
                then greatest(-1, least(1, corr(blind_mean_score, human_mean_score)))
        end as blind_baseline_r
    from cells
    group by country_id

),

-- Intervals from paired draws, where a mart has the pair.
deltas as (

    select
        model_id,
        prompt_id,
        other_model_id,
        other_prompt_id,
        area_id,
        delta,
        ci_low,
        ci_high,
        q_value,
        verdict,
        coalesce(interval_null_reason, verdict_null_reason) as null_reason
    from marts.cmp_base_chat
    where area_kind = 'country' and measure = 'pearson_r' and survey_id = (
        select survey_id from marts.dim_populations where population_id = $population_id
    )
    union all
    select
        model_id,
        prompt_id,
        other_model_id,
        prompt_id as other_prompt_id,
        area_id,
        delta,
        ci_low,
        ci_high,
        q_value,
        verdict,
        coalesce(interval_null_reason, verdict_null_reason) as null_reason
    from marts.cmp_model_size
    where area_kind = 'country' and measure = 'pearson_r' and survey_id = (
        select survey_id from marts.dim_populations where population_id = $population_id
    )

),

-- The marts subtract one way round only.
paired as (

    select
        area_id as country_id,
        delta,
        ci_low,
        ci_high,
        q_value,
        verdict,
        null_reason
    from deltas
    where
        model_id = $model_id
        and prompt_id = $prompt_id
        and other_model_id = $other_model_id
        and other_prompt_id = $other_prompt_id
    union all
    select
        area_id as country_id,
        -delta as delta,
        -ci_high as ci_low,
        -ci_low as ci_high,
        q_value,
        case verdict when 'higher' then 'lower' when 'lower' then 'higher' else verdict end
            as verdict,
        null_reason
    from deltas
    where
        model_id = $other_model_id
        and prompt_id = $other_prompt_id
        and other_model_id = $model_id
        and other_prompt_id = $prompt_id

)

select
    measured.country_id,
    dim_countries.country_name,
    named.described as model_name,
    other_named.described as other_model_name,
    measured.pearson_r,
    measured.other_pearson_r,
    measured.pearson_r - measured.other_pearson_r as difference,
    paired.delta as paired_delta,
    paired.ci_low,
    paired.ci_high,
    paired.q_value,
    paired.verdict,
    measured.blind_baseline_r,
    measured.question_count,
    coalesce(
        measured.shared_null_reason,
        if(
            measured.pearson_r is null or measured.other_pearson_r is null,
            'no_variance_in_model',
            null
        ),
        if(paired.country_id is null, 'pair_not_in_marts', paired.null_reason)
    ) as null_reason
from measured
inner join marts.dim_countries on measured.country_id = dim_countries.country_id
inner join named on named.model_id = $model_id and named.prompt_id = $prompt_id
inner join named as other_named
    on other_named.model_id = $other_model_id and other_named.prompt_id = $other_prompt_id
left outer join paired on measured.country_id = paired.country_id
order by difference desc nulls last, dim_countries.country_name
