with

comparable_cells as not materialized (

    select * from {{ ref('int_comparable_cells') }}

),

normalized_scores as (

    select * from {{ ref('fct_normalized_mean_scores') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

compared_designs as (

    select distinct
        model_id,
        prompt_id,
        survey_id
    from comparable_cells

),

compared_models as (

    select
        compared_designs.model_id,
        compared_designs.survey_id
    from compared_designs
    inner join prompts on compared_designs.prompt_id = prompts.prompt_id
    group by all
    having count(*) filter (where not prompts.is_derived) >= {{ var_number('minimum_designs') }}

),

scored_cells as (

    select
        comparable_cells.model_id,
        comparable_cells.prompt_id,
        comparable_cells.survey_id,
        comparable_cells.question_id,
        comparable_cells.country_id,
        normalized_scores.normalization,
        normalized_scores.llm_mean_score,
        comparable_cells.human_mean_score,
        comparable_cells.blind_mean_score,
        {{ is_reference_country('comparable_cells.country_id') }} as is_reference_country
    from comparable_cells
    inner join compared_models
        on
            comparable_cells.model_id = compared_models.model_id
            and comparable_cells.survey_id = compared_models.survey_id
    inner join normalized_scores
        on
            comparable_cells.model_id = normalized_scores.model_id
            and comparable_cells.prompt_id = normalized_scores.prompt_id
            and comparable_cells.question_id = normalized_scores.question_id
            and comparable_cells.country_id = normalized_scores.country_id
            and normalized_scores.llm_mean_score is not null

),

covered as (

    select
        model_id,
        prompt_id,
        survey_id,
        normalization,
        count(*) as cell_count
    from scored_cells
    group by all

),

-- A run that was stopped would leave next to no cell that all share.
covering as (

    select *
    from covered
    qualify
        cell_count >= {{ var_number('minimum_coverage') }} * max(cell_count) over (
            partition by model_id, survey_id
        )

),

specifications as (

    select
        *,
        count(*) over (partition by model_id, survey_id) as specification_count
    from covering

),

entering_cells as (

    select
        scored_cells.*,
        specifications.specification_count
    from scored_cells
    inner join specifications
        on
            scored_cells.model_id = specifications.model_id
            and scored_cells.prompt_id = specifications.prompt_id
            and scored_cells.survey_id = specifications.survey_id
            and scored_cells.normalization = specifications.normalization

),

shared_cells as (

    select
        model_id,
        survey_id,
        question_id,
        country_id
    from entering_cells
    group by all
    having count(*) = max(specification_count)

),

cells as (

    select entering_cells.*
    from entering_cells
    inner join shared_cells
        on
            entering_cells.model_id = shared_cells.model_id
            and entering_cells.survey_id = shared_cells.survey_id
            and entering_cells.question_id = shared_cells.question_id
            and entering_cells.country_id = shared_cells.country_id

),

question_means as (

    select
        model_id,
        prompt_id,
        survey_id,
        normalization,
        question_id,
        count(*) as reference_country_count,
        avg(llm_mean_score) as reference_llm_score,
        avg(human_mean_score) as reference_human_score
    from cells
    where is_reference_country
    group by all
    having count(*) >= {{ var_number('minimum_reference_countries') }}

),

demeaned as (

    select
        cells.*,
        cells.llm_mean_score - question_means.reference_llm_score as demeaned_llm_score,
        cells.human_mean_score - question_means.reference_human_score as demeaned_human_score
    from cells
    left outer join question_means
        on
            cells.model_id = question_means.model_id
            and cells.prompt_id = question_means.prompt_id
            and cells.survey_id = question_means.survey_id
            and cells.normalization = question_means.normalization
            and cells.question_id = question_means.question_id

),

measured as (

    select
        model_id,
        prompt_id,
        survey_id,
        normalization,
        country_id,
        count(*) as question_count,
        {{ r_and_reason(
            'llm_mean_score', 'human_mean_score', var_number('minimum_questions'), 'too_few_questions'
        ) }},
        case
            when count(blind_mean_score) = count(*)
                then
                    {{ pearson_r(
                        'blind_mean_score', 'human_mean_score', var_number('minimum_questions')
                    ) }}
        end as blind_baseline_r,
        {{ pearson_r(
            'demeaned_llm_score', 'demeaned_human_score', var_number('minimum_questions')
        ) }} as demeaned_pearson_r
    from demeaned
    group by all

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        normalization,
        country_id,
        question_count,
        pearson_r,
        null_reason,
        blind_baseline_r,
        pearson_r - blind_baseline_r as r_above_blind,
        demeaned_pearson_r
    from measured

)

select * from final
