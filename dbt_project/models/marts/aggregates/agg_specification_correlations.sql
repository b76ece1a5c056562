with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

correlations as (

    select * from {{ ref('int_specification_correlations') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

scored_designs as (

    select
        mean_scores.model_id,
        mean_scores.prompt_id,
        mean_scores.survey_id,
        mean_scores.population_id,
        mean_scores.question_selection,
        prompts.template_id,
        prompts.choice_order,
        prompts.answer_style,
        prompts.coding_id,
        prompts.wording_set,
        prompts.language,
        prompts.chat_mode,
        prompts.elicitation,
        prompts.is_derived
    from mean_scores
    inner join prompts on mean_scores.prompt_id = prompts.prompt_id
    where mean_scores.country_id != 'ZZZ'
    group by all

),

specifications as (

    select
        *,
        unnest({{ normalizations() }}) as normalization,
        count(*) filter (where not is_derived) over (
            partition by model_id, survey_id
        ) as design_count
    from scored_designs

),

measured as (

    select
        model_id,
        prompt_id,
        survey_id,
        normalization,
        sum(question_count) as cell_count,
        count(pearson_r) as country_count,
        avg(pearson_r) as pearson_r,
        avg(blind_baseline_r) filter (where pearson_r is not null) as blind_baseline_r,
        avg(r_above_blind) as r_above_blind,
        count(demeaned_pearson_r) as demeaned_country_count,
        avg(demeaned_pearson_r) as demeaned_pearson_r,
        {{ shared_reason('null_reason') }} as shared_null_reason
    from correlations
    group by all

),

final as (

    select
        specifications.model_id,
        specifications.prompt_id,
        specifications.survey_id,
        specifications.normalization,
        specifications.population_id,
        specifications.question_selection,
        {{ var_text("question_set") }} as question_set,
        specifications.template_id,
        specifications.choice_order,
        specifications.answer_style,
        specifications.coding_id,
        specifications.wording_set,
        specifications.language,
        specifications.chat_mode,
        specifications.elicitation,
        specifications.design_count,
        cast(coalesce(measured.cell_count, 0) as bigint) as cell_count,
        coalesce(measured.country_count, 0) as country_count,
        measured.pearson_r,
        case
            when measured.pearson_r is not null then null
            when specifications.population_id is null then 'no_survey_loaded'
            when specifications.design_count < {{ var_number('minimum_designs') }}
                then 'too_few_designs'
            when measured.cell_count is null then 'too_few_cells'
            else coalesce(measured.shared_null_reason, 'no_country_with_r')
        end as null_reason,
        measured.blind_baseline_r,
        measured.r_above_blind,
        measured.demeaned_pearson_r,
        coalesce(measured.demeaned_country_count, 0) as demeaned_country_count,
        case
            when measured.pearson_r is not null
                then
                    rank() over (
                        partition by specifications.model_id, specifications.survey_id
                        order by measured.pearson_r desc nulls last
                    )
        end as specification_rank
    from specifications
    left outer join measured
        on
            specifications.model_id = measured.model_id
            and specifications.prompt_id = measured.prompt_id
            and specifications.survey_id = measured.survey_id
            and specifications.normalization = measured.normalization

)

select * from final
