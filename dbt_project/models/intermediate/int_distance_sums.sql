{{ by_design() }}

with

cells as (

    select compared.*
    from {{ ref('int_comparable_cells') }} as compared
    where {{ is_changed_design('compared') }}

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

final as (

    select
        model_id,
        prompt_id,
        survey_id,
        population_id,
        coding_id,
        question_selection,
        question_set,
        stratum,
        battery_id,
        source_fingerprint,
        count(distinct question_id) as questions,
        count(*) as cells,
        count(floor_total_variation) as cells_with_floor,
        list(distinct country_id order by country_id) as country_ids,
        sum(human_entropy) as human_entropy,
        sum(llm_entropy) as llm_entropy,
        sum(cast(modal_agreement as integer)) as modal_agreement,
        sum(absolute_error) as absolute_error,
        sum(wasserstein_1) as wasserstein_1,
        sum(uniform_wasserstein_1) as uniform_wasserstein_1,
        sum(floor_wasserstein_1) as floor_wasserstein_1,
        sum(total_variation) as total_variation,
        sum(uniform_total_variation) as uniform_total_variation,
        sum(floor_total_variation) as floor_total_variation,
        sum(jensen_shannon_distance) as jensen_shannon_distance,
        sum(uniform_jensen_shannon_distance) as uniform_jensen_shannon_distance,
        sum(floor_jensen_shannon_distance) as floor_jensen_shannon_distance,
        sum(human_variance) as human_variance,
        sum(power(llm_mean_score - human_mean_score, 2) - power(human_standard_error, 2))
            as squared_error
    from strata
    group by all

)

select * from final
