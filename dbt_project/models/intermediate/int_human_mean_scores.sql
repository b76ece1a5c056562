with

shares as (

    select * from {{ ref('int_human_choice_shares') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

fieldwork as (

    select * from {{ ref('stg_survey_fieldwork') }}

),

scored as (

    select
        shares.*,
        questions.category_id,
        questions.question_selection,
        coalesce(questions.unscaled_reason, shares.null_reason) as score_null_reason,
        1.0 / shares.choice_count as uniform_share,
        case
            when questions.unscaled_reason is null
                then sum(shares.human_share * shares.choice_score) over (
                        partition by
                            shares.population_id,
                            shares.coding_id,
                            shares.question_id,
                            shares.country_id
                    )
        end as human_mean_score
    from shares
    inner join questions on shares.question_id = questions.question_id

),

cells as (

    select
        population_id,
        survey_id,
        coding_id,
        question_id,
        country_id,
        category_id,
        question_selection,
        load_id,
        wave,
        choice_count,
        human_mean_score,
        outside_scale_share,
        score_null_reason as null_reason,
        {{ entropy('human_share') }} as human_entropy,
        case
            when count(human_mean_score) > 0
                then {{ wasserstein_1('uniform_share', 'human_share', 'choice_index') }}
        end as uniform_wasserstein_1,
        case
            when count(human_share) > 0 then {{ total_variation('uniform_share', 'human_share') }}
        end as uniform_total_variation,
        case
            when count(human_share) > 0
                then {{ jensen_shannon_distance('uniform_share', 'human_share') }}
        end as uniform_jensen_shannon_distance,
        case
            when count(human_mean_score) > 0
                then {{ floor_wasserstein_1('human_share', 'choice_index') }}
        end as floor_wasserstein_1_of_one,
        {{ floor_total_variation('human_share') }} as floor_total_variation_of_one,
        {{ floor_jensen_shannon_distance('human_share') }} as floor_jensen_shannon_distance_of_one,
        sum(human_share * power(choice_score - human_mean_score, 2)) as human_variance,
        case
            when count(human_share) > 0 then {{ modal_choice('choice_index', 'human_share') }}
        end as human_modal_choice,
        case when count(human_share) > 0 then sum(respondents) end as respondents,
        case
            when count(human_share) > 0
                then power(sum(sum_of_weights), 2) / sum(sum_of_squared_weights)
        end as effective_sample_size,
        {{ standard_error(
            'choice_score',
            'human_mean_score',
            'respondents',
            'sum_of_weights',
            'sum_of_squared_weights',
        ) }} as counted_standard_error,
        case
            when count(respondents) = 0
                then {{ assumed_standard_error('choice_score', 'human_mean_score', 'human_share') }}
        end as assumed_standard_error
    from scored
    group by all

),

floored as (

    select
        * exclude (
            floor_wasserstein_1_of_one,
            floor_total_variation_of_one,
            floor_jensen_shannon_distance_of_one
        ),
        floor_wasserstein_1_of_one
        * sqrt({{ var_number('deff') }} / effective_sample_size) as floor_wasserstein_1,
        floor_total_variation_of_one
        * sqrt({{ var_number('deff') }} / effective_sample_size) as floor_total_variation,
        floor_jensen_shannon_distance_of_one
        * sqrt({{ var_number('deff') }} / effective_sample_size) as floor_jensen_shannon_distance
    from cells

),

final as (

    select
        floored.*,
        coalesce(floored.counted_standard_error, floored.assumed_standard_error)
            as human_standard_error,
        case
            when floored.counted_standard_error is not null then 'respondents'
            when floored.assumed_standard_error is not null then 'assumed_respondents'
        end as standard_error_basis,
        fieldwork.first_year,
        fieldwork.last_year
    from floored
    left outer join fieldwork
        on
            floored.load_id = fieldwork.load_id
            and floored.wave = fieldwork.wave
            and floored.country_id = fieldwork.country_id

)

select * from final
