with

distributions as (

    select * from {{ ref('int_choice_distributions') }}

),

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

country_free as (

    select
        model_id,
        prompt_id,
        question_id,
        choice_index,
        log_likelihood
    from distributions
    where country_id = 'ZZZ'

),

normalized as (

    select
        distributions.model_id,
        distributions.prompt_id,
        distributions.question_id,
        distributions.country_id,
        distributions.choice_score,
        distributions.is_whole,
        normalizations.normalization,
        case normalizations.normalization
            when 'per_token' then distributions.log_likelihood / distributions.token_count
            when 'per_byte' then distributions.log_likelihood / distributions.byte_count
            when 'label' then distributions.label_log_likelihood
            when 'pmi' then distributions.log_likelihood - country_free.log_likelihood
        end as log_likelihood
    from distributions
    cross join (
        values ('per_token'), ('per_byte'), ('label'), ('pmi')
    ) as normalizations (normalization)
    left outer join country_free
        on
            distributions.model_id = country_free.model_id
            and distributions.prompt_id = country_free.prompt_id
            and distributions.question_id = country_free.question_id
            and distributions.choice_index = country_free.choice_index
            and distributions.country_id != 'ZZZ'

),

with_largest as (

    select
        *,
        max(log_likelihood) over (
            partition by model_id, prompt_id, question_id, country_id, normalization
        ) as largest_log_likelihood
    from normalized

),

probabilities as (

    select
        *,
        {{ softmax(
            'log_likelihood',
            'largest_log_likelihood',
            'model_id, prompt_id, question_id, country_id, normalization',
        ) }} as llm_probability
    from with_largest

),

cells as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        normalization,
        is_whole,
        count(log_likelihood) = count(*) as is_defined,
        sum(llm_probability * choice_score) as llm_mean_score
    from probabilities
    group by all

),

explained as (

    select
        cells.*,
        mean_scores.survey_id,
        mean_scores.population_id,
        mean_scores.question_selection,
        mean_scores.human_mean_score,
        case
            when questions.unscaled_reason is not null then questions.unscaled_reason
            when not cells.is_whole then 'incomplete_choices'
            when cells.is_defined then null
            when cells.normalization = 'label' then 'no_label_log_likelihood'
            when cells.country_id = 'ZZZ' then 'country_free'
            else 'no_country_free_prompt'
        end as null_reason
    from cells
    inner join mean_scores
        on
            cells.model_id = mean_scores.model_id
            and cells.prompt_id = mean_scores.prompt_id
            and cells.question_id = mean_scores.question_id
            and cells.country_id = mean_scores.country_id
    inner join questions on cells.question_id = questions.question_id

),

final as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        normalization,
        survey_id,
        population_id,
        question_selection,
        case when null_reason is null then llm_mean_score end as llm_mean_score,
        human_mean_score,
        null_reason
    from explained

)

select * from final
