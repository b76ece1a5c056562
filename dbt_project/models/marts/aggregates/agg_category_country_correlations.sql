with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

scored as (

    {{ scored_groups('mean_scores', ['category_id', 'country_id']) }}

),

measured as (

    select
        model_id,
        prompt_id,
        survey_id,
        category_id,
        country_id,
        count(*) as question_count,
        {{ r_and_reason(
            'llm_mean_score', 'human_mean_score', var_number('minimum_questions'), 'too_few_questions'
        ) }},
        {{ rho0_and_reason() }},
        case
            when count(blind_mean_score) = count(*)
                then {{ rho0('blind_mean_score', 'human_mean_score') }}
        end as blind_rho0,
        rho0 - blind_rho0 as rho0_above_blind,
        avg(absolute_error) as mean_absolute_error
    from cells
    group by all

),

final as (

    {{ measured_groups(
        'scored',
        'measured',
        ['category_id', 'country_id'],
        counts=['question_count'],
        reasons=['null_reason', 'rho0_null_reason'],
        too_few='too_few_questions',
    ) }}

)

-- The contract lists the columns.
select * from final -- noqa: AM04
