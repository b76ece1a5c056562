with

answers as (

    select * from {{ ref('int_human_answers') }}

),

choices as (

    select * from {{ ref('stg_choices') }}

),

choice_codes as (

    select * from {{ ref('stg_choice_codes') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

surveys as (

    select * from {{ ref('stg_surveys') }}

),

coded as (

    select
        answers.population_id,
        answers.survey_id,
        answers.load_id,
        answers.wave,
        answers.has_dont_know_codes,
        answers.country_id,
        answers.question_id,
        choice_codes.coding_id,
        choice_codes.choice_index,
        choice_codes.is_on_scale,
        choice_codes.is_dont_know,
        answers.respondents,
        answers.sum_of_weights,
        answers.sum_of_squared_weights
    from answers
    inner join choice_codes
        on
            answers.question_id = choice_codes.question_id
            and answers.code = choice_codes.code

),

cells as (

    select
        population_id,
        survey_id,
        load_id,
        wave,
        has_dont_know_codes,
        country_id,
        question_id,
        coding_id,
        sum(sum_of_weights) filter (where is_on_scale) as scale_weight,
        coalesce(sum(sum_of_weights) filter (where not is_on_scale), 0) as outside_weight,
        bool_or(respondents is not null) as has_counts
    from coded
    group by all
    -- Where nobody gave a valid answer there is no distribution, not one of zeros.
    having sum(sum_of_weights) filter (where is_on_scale and not is_dont_know) > 0

),

choice_sums as (

    select
        population_id,
        country_id,
        question_id,
        coding_id,
        choice_index,
        sum(respondents) as respondents,
        sum(sum_of_weights) as sum_of_weights,
        sum(sum_of_squared_weights) as sum_of_squared_weights
    from coded
    where is_on_scale
    group by all

),

final as (

    select
        cells.population_id,
        questions.survey_id,
        cells.coding_id,
        cells.question_id,
        cells.country_id,
        choices.choice_index,
        choices.choice_score,
        choices.choice_count,
        cells.load_id,
        cells.wave,
        case
            when cells.has_counts then coalesce(choice_sums.respondents, 0)
        end as respondents,
        coalesce(choice_sums.sum_of_weights, 0) as sum_of_weights,
        case
            when cells.has_counts then coalesce(choice_sums.sum_of_squared_weights, 0)
        end as sum_of_squared_weights,
        -- Without code -1 the middle of an even scale is unknown, so no share of it is known.
        case
            when cells.has_dont_know_codes or not choices.needs_dont_know_codes
                then coalesce(choice_sums.sum_of_weights, 0) / cells.scale_weight
        end as human_share,
        cells.outside_weight
        / (cells.scale_weight + cells.outside_weight) as outside_scale_share,
        case
            when not (cells.has_dont_know_codes or not choices.needs_dont_know_codes)
                then 'no_dk_counts'
        end as null_reason
    from cells
    inner join choices
        on
            cells.question_id = choices.question_id
            and cells.coding_id = choices.coding_id
    inner join questions
        on
            cells.question_id = questions.question_id
            and questions.is_selected
    -- A load may hold questions of a survey that is not asked in it; they are not its own.
    inner join surveys
        on
            cells.survey_id = surveys.survey_id
            and questions.survey_id = surveys.question_survey_id
    left outer join choice_sums
        on
            cells.population_id = choice_sums.population_id
            and cells.country_id = choice_sums.country_id
            and cells.question_id = choice_sums.question_id
            and cells.coding_id = choice_sums.coding_id
            and choices.choice_index = choice_sums.choice_index

)

select * from final
