with

cells as (

    select * from {{ ref('int_comparable_cells') }}

),

human_mean_scores as (

    select * from {{ ref('fct_human_mean_scores') }}

),

-- By people alone, so that a cell is in the same third for every model.
people as (

    select
        *,
        ntile(3) over (
            partition by population_id, coding_id
            order by round(human_entropy / log2(choice_count), 12), question_id, country_id
        ) as third
    from human_mean_scores
    where human_mean_score is not null

),

joined as (

    select
        cells.*,
        people.human_variance,
        people.uniform_wasserstein_1,
        people.uniform_total_variation,
        people.uniform_jensen_shannon_distance,
        people.floor_wasserstein_1,
        people.floor_total_variation,
        people.floor_jensen_shannon_distance,
        case people.third when 1 then 'consensus' when 2 then 'between' else 'divided' end
            as third_name
    from cells
    inner join people
        on
            cells.population_id = people.population_id
            and cells.coding_id = people.coding_id
            and cells.question_id = people.question_id
            and cells.country_id = people.country_id

),

strata as (

    select
        *,
        'all' as stratum
    from joined
    union all
    select
        *,
        third_name as stratum
    from joined

),

measured as (

    select
        model_id,
        prompt_id,
        survey_id,
        population_id,
        coding_id,
        question_selection,
        question_set,
        stratum,
        count(*) as cell_count,
        count(distinct question_id) as question_count,
        count(distinct country_id) as country_count,
        avg(human_entropy) as mean_human_entropy,
        avg(llm_entropy) as mean_llm_entropy,
        avg(cast(modal_agreement as integer)) as modal_agreement_share,
        avg(absolute_error) as mean_absolute_error,
        avg(wasserstein_1) as mean_wasserstein_1,
        avg(uniform_wasserstein_1) as uniform_mean_wasserstein_1,
        avg(total_variation) as mean_total_variation,
        avg(uniform_total_variation) as uniform_mean_total_variation,
        avg(jensen_shannon_distance) as mean_jensen_shannon_distance,
        avg(uniform_jensen_shannon_distance) as uniform_mean_jensen_shannon_distance,
        avg(floor_wasserstein_1) as floor_mean_wasserstein_1,
        avg(floor_total_variation) as floor_mean_total_variation,
        avg(floor_jensen_shannon_distance) as floor_mean_jensen_shannon_distance,
        avg(human_variance) as mean_human_variance,
        avg(power(llm_mean_score - human_mean_score, 2) - power(human_standard_error, 2))
            as mean_squared_error,
        case when count(floor_total_variation) < count(*) then 'no_respondents' end
            as floor_null_reason
    from strata
    group by all

),

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        stratum,
        population_id,
        coding_id,
        question_selection,
        question_set,
        cell_count,
        question_count,
        country_count,
        mean_human_entropy,
        mean_llm_entropy,
        modal_agreement_share,
        mean_absolute_error,
        mean_wasserstein_1,
        uniform_mean_wasserstein_1,
        case when floor_null_reason is null then floor_mean_wasserstein_1 end
            as floor_mean_wasserstein_1,
        mean_total_variation,
        uniform_mean_total_variation,
        case when floor_null_reason is null then floor_mean_total_variation end
            as floor_mean_total_variation,
        100 * (1 - mean_total_variation / nullif(uniform_mean_total_variation, 0))
            as total_variation_score,
        mean_jensen_shannon_distance,
        uniform_mean_jensen_shannon_distance,
        case when floor_null_reason is null then floor_mean_jensen_shannon_distance end
            as floor_mean_jensen_shannon_distance,
        floor_null_reason,
        case
            when floor_null_reason is null and mean_squared_error > 0
                then mean_human_variance / mean_squared_error
        end as effective_respondents,
        case
            when floor_null_reason is not null then floor_null_reason
            when mean_squared_error <= 0 then 'within_sampling_error'
        end as effective_respondents_null_reason
    from measured

)

select * from final
