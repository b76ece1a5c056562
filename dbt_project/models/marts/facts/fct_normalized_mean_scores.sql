with

probabilities as (

    select * from {{ ref('int_normalized_probabilities') }}

),

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

normalized as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        normalization,
        null_reason,
        sum(llm_probability * choice_score) as llm_mean_score
    from probabilities
    group by all

),

final as (

    select
        normalized.model_id,
        normalized.prompt_id,
        normalized.question_id,
        normalized.country_id,
        normalized.normalization,
        mean_scores.survey_id,
        mean_scores.population_id,
        mean_scores.question_selection,
        case
            when questions.unscaled_reason is null then normalized.llm_mean_score
        end as llm_mean_score,
        mean_scores.human_mean_score,
        coalesce(questions.unscaled_reason, normalized.null_reason) as null_reason
    from normalized
    inner join mean_scores
        on
            normalized.model_id = mean_scores.model_id
            and normalized.prompt_id = mean_scores.prompt_id
            and normalized.question_id = mean_scores.question_id
            and normalized.country_id = mean_scores.country_id
    inner join questions on normalized.question_id = questions.question_id

)

select * from final
