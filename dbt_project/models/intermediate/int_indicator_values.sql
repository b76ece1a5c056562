with

moments as (

    select * from {{ ref('int_indicator_moments') }}

),

probabilities as (

    select * from {{ ref('fct_choice_probabilities') }}

),

choice_codes as (

    select * from {{ ref('stg_choice_codes') }}

),

indicator_codes as (

    select * from {{ ref('indicator_codes') }}

),

people as (

    select
        population_id,
        country_id,
        indicator_id,
        max(mean_value) filter (where deletion = 'pairwise') as indicator_value,
        max(respondents) filter (where deletion = 'pairwise') as respondents,
        max(mean_value) filter (where deletion = 'listwise') as complete_indicator_value,
        max(respondents) filter (where deletion = 'listwise') as complete_respondents
    from moments
    where indicator_id = other_indicator_id
    group by all

),

-- Each native choice of these questions means one code.
choice_values as (

    select
        indicator_codes.indicator_id,
        indicator_codes.question_id,
        indicator_codes.value,
        choice_codes.choice_index
    from indicator_codes
    inner join choice_codes
        on
            indicator_codes.question_id = choice_codes.question_id
            and indicator_codes.code = choice_codes.code
    where choice_codes.coding_id = 'native' and choice_codes.is_on_scale

),

question_counts as (

    select
        indicator_id,
        count(distinct question_id) as question_count
    from indicator_codes
    group by all

),

-- An indicator is a sum over its questions, so its expectation is the sum of theirs.
expected as (

    select
        probabilities.model_id,
        probabilities.prompt_id,
        probabilities.country_id,
        choice_values.indicator_id,
        sum(
            probabilities.llm_probability * choice_values.value
            order by probabilities.question_id asc, probabilities.choice_index asc
        ) as indicator_value,
        count(distinct probabilities.question_id) as question_count
    from probabilities
    inner join choice_values
        on
            probabilities.question_id = choice_values.question_id
            and probabilities.choice_index = choice_values.choice_index
    where
        probabilities.coding_id = 'native'
        and probabilities.llm_probability is not null
    group by all

),

final as (

    select
        'human' as source_kind,
        population_id,
        cast(null as varchar) as model_id,
        cast(null as varchar) as prompt_id,
        country_id,
        indicator_id,
        indicator_value,
        respondents,
        complete_indicator_value,
        complete_respondents
    from people
    union all
    select
        'model' as source_kind,
        cast(null as varchar) as population_id,
        expected.model_id,
        expected.prompt_id,
        expected.country_id,
        expected.indicator_id,
        expected.indicator_value,
        null as respondents,
        null as complete_indicator_value,
        null as complete_respondents
    from expected
    inner join question_counts
        on
            expected.indicator_id = question_counts.indicator_id
            and expected.question_count = question_counts.question_count

)

select * from final
