{{ by_design() }}

with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

choices as (

    select * from {{ ref('stg_choices') }}

),

scales as (

    select distinct
        coding_id,
        question_id,
        choice_count
    from choices

),

compared as (

    select *
    from mean_scores
    where
        {{ is_changed_design('mean_scores') }}
        and country_id != 'ZZZ'
        and llm_mean_score is not null
        and human_mean_score is not null

),

country_free as (

    select
        model_id,
        prompt_id,
        question_id,
        llm_mean_score
    from mean_scores
    where
        {{ is_changed_design('mean_scores') }}
        and country_id = 'ZZZ'

),

compared_countries as (

    select
        model_id,
        prompt_id,
        survey_id,
        count(distinct country_id) as country_count
    from compared
    group by all

),

selected as (

    select
        compared.*,
        questions.battery_id,
        questions.polarity,
        scales.choice_count,
        country_free.llm_mean_score as country_free_llm_score,
        compared_countries.country_count as compared_country_count,
        count(*) over (
            partition by
                compared.model_id, compared.prompt_id, compared.survey_id, compared.question_id
        ) = compared_countries.country_count as is_common_question,
        {{ is_reference_country('compared.country_id') }} as is_reference_country
    from compared
    inner join questions on compared.question_id = questions.question_id
    inner join scales
        on
            compared.coding_id = scales.coding_id
            and compared.question_id = scales.question_id
    left outer join country_free
        on
            compared.model_id = country_free.model_id
            and compared.prompt_id = country_free.prompt_id
            and compared.question_id = country_free.question_id
    inner join compared_countries
        on
            compared.model_id = compared_countries.model_id
            and compared.prompt_id = compared_countries.prompt_id
            and compared.survey_id = compared_countries.survey_id
    {% if var('question_set') == 'common' %}
    qualify is_common_question
    {% endif %}

),

question_means as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_id,
        avg(llm_mean_score) as mean_llm_score,
        count(*) filter (where is_reference_country) as reference_country_count,
        avg(llm_mean_score) filter (where is_reference_country) as reference_llm_score,
        avg(human_mean_score) filter (where is_reference_country) as reference_human_score
    from selected
    group by all

),

joined as (

    select
        selected.*,
        question_means.mean_llm_score,
        question_means.reference_country_count,
        case
            when question_means.reference_country_count >= {{ var('minimum_reference_countries') }}
                then selected.llm_mean_score - question_means.reference_llm_score
        end as demeaned_llm_score,
        case
            when question_means.reference_country_count >= {{ var('minimum_reference_countries') }}
                then selected.human_mean_score - question_means.reference_human_score
        end as demeaned_human_score
    from selected
    inner join question_means
        on
            selected.model_id = question_means.model_id
            and selected.prompt_id = question_means.prompt_id
            and selected.survey_id = question_means.survey_id
            and selected.question_id = question_means.question_id

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_id,
        country_id,
        population_id,
        coding_id,
        category_id,
        battery_id,
        polarity,
        question_selection,
        '{{ var("question_set") }}' as question_set,
        compared_country_count,
        is_common_question,
        choice_count,
        llm_mean_score,
        human_mean_score,
        human_standard_error,
        standard_error_basis,
        blind_mean_score,
        mean_llm_score,
        -- The model's mean probabilities over questions with as many choices, scored like this one.
        avg(llm_mean_score) over (
            partition by model_id, prompt_id, survey_id, country_id, choice_count
        ) as option_position_score,
        country_free_llm_score,
        is_reference_country,
        reference_country_count,
        demeaned_llm_score,
        demeaned_human_score,
        {{ mean_rank('llm_mean_score', 'model_id, prompt_id, survey_id, country_id') }}
            as llm_rank,
        {{ mean_rank('human_mean_score', 'model_id, prompt_id, survey_id, country_id') }}
            as human_rank,
        absolute_error,
        noise_sensitivity,
        wasserstein_1,
        total_variation,
        jensen_shannon_distance,
        modal_agreement,
        llm_entropy,
        human_entropy,
        off_choice_mass,
        source_fingerprint
    from joined

)

select * from final
