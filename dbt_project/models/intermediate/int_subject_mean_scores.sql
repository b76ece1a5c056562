with

scored as (

    select *
    from {{ ref('stg_subject_log_likelihoods') }}
    where
        group_id is not null
        or placebo_id is not null

),

designs as (

    select * from {{ ref('int_design_fingerprints') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

choices as (

    select * from {{ ref('stg_choices') }}

),

reference_populations as (

    select * from {{ ref('int_reference_populations') }}

),

human_shares as (

    select * from {{ ref('int_human_choice_shares') }}

),

human_mean_scores as (

    select * from {{ ref('fct_human_mean_scores') }}

),

years as (

    select distinct
        scored.coding_id,
        scored.question_id,
        scored.country_id,
        scored.group_id,
        questions.survey_id,
        cast({{ subgroup_part('scored.group_id', 'year') }} as integer) as year_asked
    from scored
    inner join questions on scored.question_id = questions.question_id
    where scored.group_id like 'year=%'

),

-- The people of a year are those of the wave whose fieldwork is nearest, of the later one of two.
year_populations as (

    select
        years.coding_id,
        years.question_id,
        years.country_id,
        years.group_id,
        human_mean_scores.population_id,
        greatest(
            human_mean_scores.first_year - years.year_asked,
            years.year_asked - human_mean_scores.last_year,
            0
        ) as years_apart
    from years
    inner join reference_populations on years.survey_id = reference_populations.survey_id
    inner join human_mean_scores
        on
            years.coding_id = human_mean_scores.coding_id
            and years.question_id = human_mean_scores.question_id
            and years.country_id = human_mean_scores.country_id
            -- All but the selection of waves.
            and regexp_replace(reference_populations.population_id, ':[^:]*', '')
            = regexp_replace(human_mean_scores.population_id, ':[^:]*', '')
    where
        years_apart <= {{ var_number('years_apart') }}
        and human_mean_scores.first_year is not null
    qualify
        row_number() over (
            partition by
                years.coding_id, years.question_id, years.country_id, years.group_id
            order by
                years_apart asc,
                human_mean_scores.wave desc,
                human_mean_scores.population_id = reference_populations.population_id desc,
                human_mean_scores.population_id asc
        ) = 1

),

asked as (

    select
        scored.model_id,
        scored.prompt_id,
        scored.question_id,
        scored.country_id,
        scored.group_id,
        scored.placebo_id,
        scored.choice_index,
        scored.coding_id,
        questions.survey_id,
        questions.unscaled_reason,
        choices.choice_score,
        choices.choice_count,
        scored.log_likelihood,
        -- The group as a population of its own, loaded as the reference population is.
        case
            when scored.group_id like 'year=%' then year_populations.population_id
            else
                regexp_replace(
                    reference_populations.population_id, ':[^:]*$', ':' || scored.group_id
                )
        end as population_id
    from scored
    inner join questions
        on
            scored.question_id = questions.question_id
            and questions.is_selected
    left outer join choices
        on
            scored.coding_id = choices.coding_id
            and scored.question_id = choices.question_id
            and scored.choice_index = choices.choice_index
    left outer join reference_populations on questions.survey_id = reference_populations.survey_id
    left outer join year_populations
        on
            scored.coding_id = year_populations.coding_id
            and scored.question_id = year_populations.question_id
            and scored.country_id = year_populations.country_id
            and scored.group_id = year_populations.group_id

),

whole_cells as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        group_id,
        placebo_id,
        max(log_likelihood) as largest_log_likelihood,
        {{ softmax_sum() }} as softmax_sum
    from asked
    group by all
    having {{ is_whole_cell() }}

),

probabilities as (

    select
        asked.*,
        {{ softmax(
            impossible_as_minus_infinity('asked.log_likelihood'),
            'whole_cells.largest_log_likelihood',
            'whole_cells.softmax_sum',
        ) }} as llm_probability
    from asked
    inner join whole_cells
        on
            asked.model_id = whole_cells.model_id
            and asked.prompt_id = whole_cells.prompt_id
            and asked.question_id = whole_cells.question_id
            and asked.country_id = whole_cells.country_id
            and asked.group_id is not distinct from whole_cells.group_id
            and asked.placebo_id is not distinct from whole_cells.placebo_id

),

-- Designs as asked, and those that average balanced orders.
ordered as (

    select
        probabilities.model_id,
        probabilities.question_id,
        probabilities.country_id,
        probabilities.group_id,
        probabilities.placebo_id,
        probabilities.choice_index,
        probabilities.coding_id,
        probabilities.survey_id,
        probabilities.population_id,
        probabilities.unscaled_reason,
        probabilities.choice_score,
        probabilities.llm_probability,
        designs.prompt_id,
        designs.source_fingerprint,
        not designs.is_derived
        or {{ is_balanced_order('prompts.choice_order', 'probabilities.choice_count', 'choice') }}
            as is_counted
    from probabilities
    inner join prompts on probabilities.prompt_id = prompts.prompt_id
    inner join designs
        on
            probabilities.model_id = designs.model_id
            and (
                probabilities.prompt_id = designs.prompt_id
                or (designs.is_derived and prompts.order_family_id = designs.order_family_id)
            )
    window choice as (
        partition by
            probabilities.model_id,
            designs.prompt_id,
            probabilities.question_id,
            probabilities.country_id,
            probabilities.group_id,
            probabilities.placebo_id,
            probabilities.choice_index
    )

),

distributions as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        group_id,
        placebo_id,
        choice_index,
        coding_id,
        survey_id,
        population_id,
        unscaled_reason,
        source_fingerprint,
        choice_score,
        avg(llm_probability) as llm_probability
    from ordered
    where is_counted
    group by all

),

cells as (

    select
        distributions.model_id,
        distributions.prompt_id,
        distributions.question_id,
        distributions.country_id,
        distributions.group_id,
        distributions.placebo_id,
        distributions.coding_id,
        distributions.survey_id,
        distributions.population_id,
        distributions.unscaled_reason,
        distributions.source_fingerprint,
        sum(distributions.llm_probability * distributions.choice_score) as llm_mean_score,
        {{ total_variation('distributions.llm_probability', 'human_shares.human_share') }}
            as total_variation,
        {{ wasserstein_1(
            'distributions.llm_probability',
            'human_shares.human_share',
            'distributions.choice_index',
        ) }} as wasserstein_1
    from distributions
    left outer join human_shares
        on
            distributions.population_id = human_shares.population_id
            and distributions.coding_id = human_shares.coding_id
            and distributions.question_id = human_shares.question_id
            and distributions.country_id = human_shares.country_id
            and distributions.choice_index = human_shares.choice_index
    group by all

),

final as (

    select
        cells.model_id,
        cells.prompt_id,
        cells.question_id,
        cells.country_id,
        cells.group_id,
        cells.placebo_id,
        cells.coding_id,
        cells.survey_id,
        cells.population_id,
        questions.battery_id,
        case when cells.unscaled_reason is null then cells.llm_mean_score end as llm_mean_score,
        human_mean_scores.human_mean_score,
        human_mean_scores.human_standard_error,
        human_mean_scores.wave,
        human_mean_scores.first_year,
        human_mean_scores.last_year,
        cells.total_variation,
        case when cells.unscaled_reason is null then cells.wasserstein_1 end as wasserstein_1,
        cells.source_fingerprint
    from cells
    inner join questions on cells.question_id = questions.question_id
    left outer join human_mean_scores
        on
            cells.population_id = human_mean_scores.population_id
            and cells.coding_id = human_mean_scores.coding_id
            and cells.question_id = human_mean_scores.question_id
            and cells.country_id = human_mean_scores.country_id

)

select * from final
