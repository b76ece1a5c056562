with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

compared as (

    select *
    from mean_scores
    where
        country_id != 'ZZZ'
        and llm_mean_score is not null
        and human_mean_score is not null

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
        compared_countries.country_count as compared_country_count,
        {{ is_reference_country('compared.country_id') }} as is_reference_country
    from compared
    inner join questions on compared.question_id = questions.question_id
    inner join compared_countries
        on
            compared.model_id = compared_countries.model_id
            and compared.prompt_id = compared_countries.prompt_id
            and compared.survey_id = compared_countries.survey_id
    {% if var('question_set') == 'common' %}
    qualify
        count(*) over (
            partition by
                compared.model_id, compared.prompt_id, compared.survey_id, compared.question_id
        ) = compared_countries.country_count
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
        llm_mean_score,
        human_mean_score,
        human_standard_error,
        standard_error_basis,
        blind_mean_score,
        mean_llm_score,
        demeaned_llm_score,
        demeaned_human_score,
        {{ mean_rank('llm_mean_score', 'model_id, prompt_id, survey_id, country_id') }}
            as llm_rank,
        {{ mean_rank('human_mean_score', 'model_id, prompt_id, survey_id, country_id') }}
            as human_rank,
        absolute_error,
        wasserstein_1,
        total_variation,
        jensen_shannon_distance,
        modal_agreement,
        llm_entropy,
        human_entropy,
        off_choice_mass
    from joined

)

select * from final
