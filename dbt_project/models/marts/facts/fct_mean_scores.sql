{{ by_design() }}

with

distributions as (

    select * from {{ ref('int_choice_distributions') }}

),

human_mean_scores as (

    select * from {{ ref('fct_human_mean_scores') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

surveyed_countries as (

    select distinct
        population_id,
        country_id
    from human_mean_scores

),

cells as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        survey_id,
        population_id,
        coding_id,
        question_selection,
        is_whole,
        source_fingerprint,
        max(superseded_cells) as superseded_cells,
        count(human_share) > 0 as has_human_shares,
        max(off_choice_mass) as off_choice_mass,
        bool_or(boundary_merged) as boundary_merged,
        max(draws) as draws,
        sum(llm_probability * choice_score) as llm_mean_score,
        {{ entropy('llm_probability') }} as llm_entropy,
        {{ modal_choice('choice_index', 'llm_probability') }} as llm_modal_choice,
        {{ total_variation('llm_probability', 'human_share') }} as total_variation,
        {{ jensen_shannon_distance('llm_probability', 'human_share') }} as jensen_shannon_distance,
        coalesce(
            max(noise_sensitivity), {{ noise_sensitivity('llm_probability', 'choice_score') }}
        ) as noise_sensitivity,
        coalesce(
            max(llm_standard_error),
            {{ sampling_error('llm_probability', 'choice_score', 'draws') }}
        ) as llm_standard_error,
        {{ wasserstein_1('llm_probability', 'human_share', 'choice_index') }} as wasserstein_1
    from distributions
    where {{ is_changed_design('distributions') }}
    group by all

),

joined as (

    select
        cells.*,
        questions.category_id,
        questions.unscaled_reason,
        human_mean_scores.human_mean_score,
        human_mean_scores.human_standard_error,
        human_mean_scores.standard_error_basis,
        human_mean_scores.human_entropy,
        human_mean_scores.human_modal_choice,
        human_mean_scores.outside_scale_share,
        human_mean_scores.respondents,
        human_mean_scores.blind_mean_score,
        cells.is_whole and cells.has_human_shares as has_both,
        case
            when cells.country_id = 'ZZZ' then 'country_free'
            when cells.population_id is null then 'no_survey_loaded'
            when surveyed_countries.country_id is null then 'country_not_surveyed'
            when human_mean_scores.country_id is null then 'not_asked'
            when questions.unscaled_reason is not null then questions.unscaled_reason
            when not cells.is_whole and cells.off_choice_mass = 1 then 'no_answer_on_choices'
            when not cells.is_whole then 'incomplete_choices'
            else human_mean_scores.null_reason
        end as null_reason
    from cells
    inner join questions on cells.question_id = questions.question_id
    left outer join human_mean_scores
        on
            cells.population_id = human_mean_scores.population_id
            and cells.coding_id = human_mean_scores.coding_id
            and cells.question_id = human_mean_scores.question_id
            and cells.country_id = human_mean_scores.country_id
    left outer join surveyed_countries
        on
            cells.population_id = surveyed_countries.population_id
            and cells.country_id = surveyed_countries.country_id

),

final as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        survey_id,
        population_id,
        coding_id,
        category_id,
        question_selection,
        case when unscaled_reason is null then llm_mean_score end as llm_mean_score,
        human_mean_score,
        human_standard_error,
        standard_error_basis,
        blind_mean_score,
        case when unscaled_reason is null then abs(llm_mean_score - human_mean_score) end
            as absolute_error,
        case when unscaled_reason is null then noise_sensitivity end as noise_sensitivity,
        draws,
        case when unscaled_reason is null then llm_standard_error end as llm_standard_error,
        case when has_both and unscaled_reason is null then wasserstein_1 end as wasserstein_1,
        case when has_both then total_variation end as total_variation,
        case when has_both then jensen_shannon_distance end as jensen_shannon_distance,
        case when has_both then llm_modal_choice = human_modal_choice end as modal_agreement,
        llm_entropy,
        human_entropy,
        outside_scale_share,
        respondents,
        off_choice_mass,
        boundary_merged,
        superseded_cells,
        null_reason,
        source_fingerprint
    from joined

)

select * from final
