{{ by_design() }}

with

mean_scores as not materialized (

    select * from {{ ref('fct_mean_scores') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

choices as (

    select * from {{ ref('stg_choices') }}

),

scales as (

    select
        choices.coding_id,
        choices.question_id,
        questions.category_id,
        questions.battery_id,
        questions.polarity,
        max(choices.choice_count) as choice_count
    from choices
    inner join questions on choices.question_id = questions.question_id
    group by all

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
        population_id,
        coding_id,
        question_selection,
        source_fingerprint,
        count(distinct country_id) as compared_country_count
    from compared
    group by all

),

-- A number instead of long texts, which would take most of the time of what follows.
designs as (

    select
        *,
        row_number() over (order by model_id, prompt_id, survey_id) as design_number
    from compared_countries

),

numbered as (

    select
        designs.design_number,
        compared.question_id,
        compared.country_id,
        compared.llm_mean_score,
        compared.human_mean_score,
        compared.human_standard_error,
        compared.standard_error_basis,
        compared.blind_mean_score,
        compared.absolute_error,
        compared.noise_sensitivity,
        compared.wasserstein_1,
        compared.total_variation,
        compared.jensen_shannon_distance,
        compared.modal_agreement,
        compared.llm_entropy,
        compared.human_entropy,
        compared.off_choice_mass,
        {{ is_reference_country('compared.country_id') }} as is_reference_country
    from compared
    inner join designs
        on
            compared.model_id = designs.model_id
            and compared.prompt_id = designs.prompt_id
            and compared.survey_id = designs.survey_id

),

question_means as (

    select
        design_number,
        question_id,
        count(*) as country_count,
        avg(llm_mean_score) as mean_llm_score,
        count(*) filter (where is_reference_country) as reference_country_count,
        avg(llm_mean_score) filter (where is_reference_country) as reference_llm_score,
        avg(human_mean_score) filter (where is_reference_country) as reference_human_score
    from numbered
    group by all

),

-- What is the same for all countries of a design's question.
questions_of_designs as (

    select
        question_means.*,
        designs.model_id,
        designs.prompt_id,
        designs.survey_id,
        designs.population_id,
        designs.coding_id,
        designs.question_selection,
        designs.source_fingerprint,
        designs.compared_country_count,
        question_means.country_count = designs.compared_country_count as is_common_question,
        scales.category_id,
        scales.battery_id,
        scales.polarity,
        scales.choice_count,
        country_free.llm_mean_score as country_free_llm_score
    from question_means
    inner join designs on question_means.design_number = designs.design_number
    inner join scales
        on
            designs.coding_id = scales.coding_id
            and question_means.question_id = scales.question_id
    left outer join country_free
        on
            designs.model_id = country_free.model_id
            and designs.prompt_id = country_free.prompt_id
            and question_means.question_id = country_free.question_id
    {% if var_value('question_set') == 'common' %}
    where question_means.country_count = designs.compared_country_count
    {% endif %}

),

positioned as (

    select
        numbered.design_number,
        numbered.question_id,
        numbered.country_id,
        -- The model's mean probabilities over questions with as many choices, scored like this one.
        avg(numbered.llm_mean_score) over (
            partition by
                numbered.design_number, numbered.country_id, questions_of_designs.choice_count
        ) as option_position_score,
        {{ mean_rank('numbered.llm_mean_score', 'numbered.design_number, numbered.country_id') }}
            as llm_rank,
        {{ mean_rank('numbered.human_mean_score', 'numbered.design_number, numbered.country_id') }}
            as human_rank
    from numbered
    inner join questions_of_designs
        on
            numbered.design_number = questions_of_designs.design_number
            and numbered.question_id = questions_of_designs.question_id

),

final as (

    select
        questions_of_designs.model_id,
        questions_of_designs.prompt_id,
        questions_of_designs.survey_id,
        numbered.question_id,
        numbered.country_id,
        questions_of_designs.population_id,
        questions_of_designs.coding_id,
        questions_of_designs.category_id,
        questions_of_designs.battery_id,
        questions_of_designs.polarity,
        questions_of_designs.question_selection,
        {{ var_text("question_set") }} as question_set,
        questions_of_designs.compared_country_count,
        questions_of_designs.is_common_question,
        questions_of_designs.choice_count,
        numbered.llm_mean_score,
        numbered.human_mean_score,
        numbered.human_standard_error,
        numbered.standard_error_basis,
        numbered.blind_mean_score,
        -- Without the country's own answer, which would be compared with itself.
        (
            questions_of_designs.country_count * questions_of_designs.mean_llm_score
            - numbered.llm_mean_score
        ) / nullif(questions_of_designs.country_count - 1, 0) as other_countries_llm_score,
        positioned.option_position_score,
        questions_of_designs.country_free_llm_score,
        numbered.is_reference_country,
        questions_of_designs.reference_country_count,
        case
            when
                questions_of_designs.reference_country_count
                >= {{ var_number('minimum_reference_countries') }}
                then numbered.llm_mean_score - questions_of_designs.reference_llm_score
        end as demeaned_llm_score,
        case
            when
                questions_of_designs.reference_country_count
                >= {{ var_number('minimum_reference_countries') }}
                then numbered.human_mean_score - questions_of_designs.reference_human_score
        end as demeaned_human_score,
        positioned.llm_rank,
        positioned.human_rank,
        numbered.absolute_error,
        numbered.noise_sensitivity,
        numbered.wasserstein_1,
        numbered.total_variation,
        numbered.jensen_shannon_distance,
        numbered.modal_agreement,
        numbered.llm_entropy,
        numbered.human_entropy,
        numbered.off_choice_mass,
        questions_of_designs.source_fingerprint
    from numbered
    inner join positioned
        on
            numbered.design_number = positioned.design_number
            and numbered.question_id = positioned.question_id
            and numbered.country_id = positioned.country_id
    inner join questions_of_designs
        on
            numbered.design_number = questions_of_designs.design_number
            and numbered.question_id = questions_of_designs.question_id

)

select * from final
