with

pairs as (

    select * from {{ ref('int_quantization_pairs') }}

),

probabilities as (

    select * from {{ ref('fct_choice_probabilities') }}

),

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

noise as (

    select * from {{ ref('int_numerical_noise') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

answers as (

    select * from {{ ref('stg_choice_log_likelihoods') }}

),

paired_models as (

    select model_id from pairs
    union
    select other_model_id as model_id from pairs

),

paired_probabilities as (

    select
        probabilities.model_id,
        probabilities.prompt_id,
        probabilities.question_id,
        probabilities.country_id,
        probabilities.survey_id,
        probabilities.choice_index,
        probabilities.llm_probability,
        probabilities.run_id
    from probabilities
    where
        probabilities.model_id in (select paired_models.model_id from paired_models)
        and probabilities.country_id != 'ZZZ'
        and probabilities.llm_probability is not null

),

paired_mean_scores as (

    select
        mean_scores.model_id,
        mean_scores.prompt_id,
        mean_scores.question_id,
        mean_scores.country_id,
        mean_scores.category_id,
        mean_scores.llm_mean_score,
        mean_scores.noise_sensitivity,
        mean_scores.llm_standard_error
    from mean_scores
    where mean_scores.model_id in (select paired_models.model_id from paired_models)

),

-- Every choice of a cell was asked with the same text.
texts as (

    select
        answers.run_id,
        answers.prompt_id,
        answers.question_id,
        answers.country_id,
        min(answers.text_sha256) as text_sha256
    from answers
    where
        answers.model_id in (select paired_models.model_id from paired_models)
        and answers.choice_index = 1
    group by all

),

compared as (

    select
        pairs.model_id,
        pairs.other_model_id,
        probabilities.prompt_id,
        probabilities.question_id,
        probabilities.country_id,
        probabilities.survey_id,
        min(probabilities.run_id) as run_id,
        min(other_probabilities.run_id) as other_run_id,
        {{ total_variation(
            'probabilities.llm_probability', 'other_probabilities.llm_probability'
        ) }} as total_variation,
        {{ jensen_shannon_distance(
            'probabilities.llm_probability', 'other_probabilities.llm_probability'
        ) }} as jensen_shannon_distance,
        {{ modal_choice('probabilities.choice_index', 'probabilities.llm_probability') }}
        != {{ modal_choice('probabilities.choice_index', 'other_probabilities.llm_probability') }}
            as is_modal_answer_changed
    from pairs
    inner join paired_probabilities as probabilities on pairs.model_id = probabilities.model_id
    inner join paired_probabilities as other_probabilities
        on
            pairs.other_model_id = other_probabilities.model_id
            and probabilities.prompt_id = other_probabilities.prompt_id
            and probabilities.question_id = other_probabilities.question_id
            and probabilities.country_id = other_probabilities.country_id
            and probabilities.choice_index = other_probabilities.choice_index
    group by all

),

asked as (

    select
        compared.model_id,
        compared.other_model_id,
        compared.prompt_id,
        compared.question_id,
        compared.country_id,
        prompts.order_family_id,
        coalesce(texts.text_sha256 = other_texts.text_sha256, false) as is_same_text
    from compared
    inner join prompts on compared.prompt_id = prompts.prompt_id
    left outer join texts
        on
            compared.run_id = texts.run_id
            and compared.prompt_id = texts.prompt_id
            and compared.question_id = texts.question_id
            and compared.country_id = texts.country_id
    left outer join texts as other_texts
        on
            compared.other_run_id = other_texts.run_id
            and compared.prompt_id = other_texts.prompt_id
            and compared.question_id = other_texts.question_id
            and compared.country_id = other_texts.country_id
    where not prompts.is_derived

),

-- An averaged design was asked alike where every order of it was.
asked_alike as (

    select * exclude (order_family_id)
    from asked
    union all
    select
        model_id,
        other_model_id,
        order_family_id as prompt_id,
        question_id,
        country_id,
        bool_and(is_same_text) as is_same_text
    from asked
    group by all

),

scored as (

    select
        compared.*,
        asked_alike.is_same_text,
        mean_scores.category_id,
        mean_scores.llm_mean_score,
        other_mean_scores.llm_mean_score as other_llm_mean_score,
        sqrt(
            power(
                coalesce(
                    mean_scores.llm_standard_error,
                    mean_scores.noise_sensitivity * noise.log_likelihood_noise
                ),
                2
            )
            + power(
                coalesce(
                    other_mean_scores.llm_standard_error,
                    other_mean_scores.noise_sensitivity * other_noise.log_likelihood_noise
                ),
                2
            )
        ) as noise_floor
    from compared
    inner join asked_alike
        on
            compared.model_id = asked_alike.model_id
            and compared.other_model_id = asked_alike.other_model_id
            and compared.prompt_id = asked_alike.prompt_id
            and compared.question_id = asked_alike.question_id
            and compared.country_id = asked_alike.country_id
    inner join paired_mean_scores as mean_scores
        on
            compared.model_id = mean_scores.model_id
            and compared.prompt_id = mean_scores.prompt_id
            and compared.question_id = mean_scores.question_id
            and compared.country_id = mean_scores.country_id
    inner join paired_mean_scores as other_mean_scores
        on
            compared.other_model_id = other_mean_scores.model_id
            and compared.prompt_id = other_mean_scores.prompt_id
            and compared.question_id = other_mean_scores.question_id
            and compared.country_id = other_mean_scores.country_id
    left outer join noise
        on
            compared.model_id = noise.model_id
            and compared.prompt_id = noise.prompt_id
    left outer join noise as other_noise
        on
            compared.other_model_id = other_noise.model_id
            and compared.prompt_id = other_noise.prompt_id

),

final as (

    select
        survey_id,
        model_id,
        other_model_id,
        prompt_id,
        question_id,
        country_id,
        category_id,
        is_same_text,
        case when is_same_text then total_variation end as total_variation,
        case when is_same_text then jensen_shannon_distance end as jensen_shannon_distance,
        case when is_same_text then is_modal_answer_changed end as is_modal_answer_changed,
        llm_mean_score,
        other_llm_mean_score,
        case when is_same_text then llm_mean_score - other_llm_mean_score end as mean_score_drift,
        case when is_same_text then noise_floor end as noise_floor
    from scored

)

select * from final
