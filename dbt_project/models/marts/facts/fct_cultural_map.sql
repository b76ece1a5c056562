with

axes as (

    select * from {{ ref('dim_cultural_axes') }}

),

indicator_values as (

    select * from {{ ref('int_indicator_values') }}

),

moments as (

    select * from {{ ref('int_indicator_moments') }}

),

answers as (

    select * from {{ ref('int_human_answers') }}

),

indicator_codes as (

    select * from {{ ref('indicator_codes') }}

),

questions as (

    select * from {{ ref('stg_questions') }}

),

probabilities as (

    select * from {{ ref('fct_choice_probabilities') }}

),

surveys as (

    select distinct questions.survey_id
    from questions
    inner join indicator_codes on questions.question_id = indicator_codes.question_id

),

-- All that may have a place on the map, so that a missing place has a reason.
points as (

    select distinct
        'human' as source_kind,
        answers.population_id,
        cast(null as varchar) as model_id,
        cast(null as varchar) as prompt_id,
        answers.country_id,
        'native' as coding_id
    from answers
    inner join surveys on answers.survey_id = surveys.survey_id
    union all
    select distinct
        'model' as source_kind,
        probabilities.population_id,
        probabilities.model_id,
        probabilities.prompt_id,
        probabilities.country_id,
        probabilities.coding_id
    from probabilities
    inner join surveys on probabilities.survey_id = surveys.survey_id

),

-- The same standardisation and coefficients for people and models.
weighted as (

    select
        indicator_values.source_kind,
        indicator_values.population_id,
        indicator_values.model_id,
        indicator_values.prompt_id,
        indicator_values.country_id,
        axes.axis_id,
        indicator_values.indicator_id,
        indicator_values.respondents,
        indicator_values.complete_respondents,
        axes.score_coefficient
        * (indicator_values.indicator_value - axes.mean_value)
        / axes.standard_deviation as score,
        axes.score_coefficient
        * (indicator_values.complete_indicator_value - axes.mean_value)
        / axes.standard_deviation as complete_score
    from indicator_values
    inner join axes on indicator_values.indicator_id = axes.indicator_id

),

scored as (

    select
        source_kind,
        population_id,
        model_id,
        prompt_id,
        country_id,
        count(distinct indicator_id) as indicator_count,
        min(respondents) as respondents,
        min(complete_respondents) as complete_respondents,
        sum(score order by indicator_id asc) filter (where axis_id = 'secular_rational')
            as secular_rational,
        sum(score order by indicator_id asc) filter (where axis_id = 'self_expression')
            as self_expression,
        sum(complete_score order by indicator_id asc) filter (where axis_id = 'secular_rational')
            as complete_secular_rational,
        sum(complete_score order by indicator_id asc) filter (where axis_id = 'self_expression')
            as complete_self_expression
    from weighted
    group by all

),

own_means as (

    select
        population_id,
        country_id,
        indicator_id,
        sum_of_weights,
        mean_value
    from moments
    where deletion = 'pairwise' and indicator_id = other_indicator_id

),

-- The linearised variance of a sum of weighted means, whose respondents need not be the same.
variances as (

    select
        moments.population_id,
        moments.country_id,
        axes.axis_id,
        {{ var_number('deff') }} * sum(
            axes.score_coefficient / axes.standard_deviation / own_means.sum_of_weights
            * other_axes.score_coefficient / other_axes.standard_deviation
            / other_means.sum_of_weights
            * {{ squared_weight_covariance(
                'moments.respondents',
                'moments.sum_of_squared_weights',
                'moments.squared_weight_values',
                'moments.other_squared_weight_values',
                'moments.squared_weight_products',
                'own_means.mean_value',
                'other_means.mean_value',
            ) }}
            order by moments.indicator_id asc, moments.other_indicator_id asc
        ) as variance
    from moments
    inner join axes on moments.indicator_id = axes.indicator_id
    inner join axes as other_axes
        on
            moments.other_indicator_id = other_axes.indicator_id
            and axes.axis_id = other_axes.axis_id
    inner join own_means
        on
            moments.population_id = own_means.population_id
            and moments.country_id = own_means.country_id
            and moments.indicator_id = own_means.indicator_id
    inner join own_means as other_means
        on
            moments.population_id = other_means.population_id
            and moments.country_id = other_means.country_id
            and moments.other_indicator_id = other_means.indicator_id
    where moments.deletion = 'pairwise'
    group by all

),

standard_errors as (

    select
        population_id,
        country_id,
        sqrt(max(variance) filter (where axis_id = 'secular_rational'))
            as secular_rational_standard_error,
        sqrt(max(variance) filter (where axis_id = 'self_expression'))
            as self_expression_standard_error
    from variances
    group by all

),

counted as (

    select
        count(distinct indicator_id) as indicator_count,
        max(null_reason) as null_reason
    from axes

),

placed as (

    select
        points.source_kind,
        points.population_id,
        points.model_id,
        points.prompt_id,
        points.country_id,
        scored.respondents,
        scored.complete_respondents,
        scored.secular_rational,
        scored.self_expression,
        scored.complete_secular_rational,
        scored.complete_self_expression,
        standard_errors.secular_rational_standard_error,
        standard_errors.self_expression_standard_error,
        coalesce(scored.indicator_count, 0) as indicator_count,
        case
            when counted.null_reason is not null then counted.null_reason
            when points.coding_id != 'native' then 'not_native_coding'
            when scored.indicator_count = counted.indicator_count then null
            when points.source_kind = 'model' then 'question_not_scored'
            when scored.indicator_count is null then 'no_respondents'
            else 'indicator_not_asked'
        end as null_reason
    from points
    cross join counted
    left outer join scored
        on
            points.source_kind = scored.source_kind
            and points.country_id = scored.country_id
            and (points.source_kind = 'model' or points.population_id = scored.population_id)
            and points.model_id is not distinct from scored.model_id
            and points.prompt_id is not distinct from scored.prompt_id
    left outer join standard_errors
        on
            points.source_kind = 'human'
            and points.population_id = standard_errors.population_id
            and points.country_id = standard_errors.country_id

),

final as (

    select
        source_kind,
        population_id,
        model_id,
        prompt_id,
        country_id,
        case when null_reason is null then secular_rational end as secular_rational,
        case when null_reason is null then self_expression end as self_expression,
        case when null_reason is null then secular_rational_standard_error end
            as secular_rational_standard_error,
        case when null_reason is null then self_expression_standard_error end
            as self_expression_standard_error,
        respondents,
        case when null_reason is null then complete_secular_rational end
            as complete_secular_rational,
        case when null_reason is null then complete_self_expression end
            as complete_self_expression,
        complete_respondents,
        indicator_count,
        null_reason
    from placed

)

select * from final
