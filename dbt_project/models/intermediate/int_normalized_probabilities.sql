with

distributions as (

    select * from {{ ref('int_choice_distributions') }}

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
        distributions.choice_index,
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

cells as (

    select
        *,
        max(log_likelihood) over cell as largest_log_likelihood,
        count(log_likelihood) over cell = count(*) over cell as is_defined
    from normalized
    window cell as (partition by model_id, prompt_id, question_id, country_id, normalization)

),

final as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        normalization,
        choice_index,
        choice_score,
        log_likelihood,
        case
            when is_whole and is_defined
                then
                    {{ softmax(
                        'log_likelihood',
                        'largest_log_likelihood',
                        'model_id, prompt_id, question_id, country_id, normalization',
                    ) }}
        end as llm_probability,
        case
            when not is_whole then 'incomplete_choices'
            when is_defined then null
            when normalization = 'label' then 'no_label_log_likelihood'
            when country_id = 'ZZZ' then 'country_free'
            else 'no_country_free_prompt'
        end as null_reason
    from cells

)

select * from final
