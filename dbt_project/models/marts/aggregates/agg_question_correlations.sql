with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

scored as (

    {{ scored_groups('mean_scores', ['question_id', 'category_id'], 'scored_country_count') }}

),

measured as (

    select
        model_id,
        prompt_id,
        survey_id,
        question_id,
        count(*) as country_count,
        {{ r_and_reason(
            'llm_mean_score', 'human_mean_score', var_number('minimum_countries'), 'too_few_countries'
        ) }},
        stddev_pop(llm_mean_score) as llm_standard_deviation,
        stddev_pop(human_mean_score) as human_standard_deviation,
        avg(llm_mean_score - human_mean_score) as mean_error,
        avg(absolute_error) as mean_absolute_error,
        avg(wasserstein_1) as mean_wasserstein_1,
        avg(jensen_shannon_distance) as mean_jensen_shannon_distance
    from cells
    group by all

),

final as (

    {{ measured_groups(
        'scored',
        'measured',
        ['question_id'],
        counts=['country_count'],
        reasons=['null_reason'],
        too_few='too_few_countries',
    ) }}

)

-- The contract lists the columns.
select * from final -- noqa: AM04
