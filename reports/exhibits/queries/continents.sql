with

-- Orders of the choices are replaced by their average, as among the designs that one can choose.
continents as (

    select
        agg.*,
        dim_models.display_name,
        dim_models.quantization,
        coalesce(dim_models.size_group, 'not in the registry') as size_group,
        list_position(['small', 'medium', 'large', size_group], size_group) as size_order,
        dim_prompts.prompt_name
    from marts.agg_continent_correlations as agg
    inner join marts.dim_models on agg.model_id = dim_models.model_id
    inner join marts.dim_prompts on agg.prompt_id = dim_prompts.prompt_id
    qualify
        dim_prompts.is_derived
        or not bool_or(dim_prompts.is_derived) over (
            partition by agg.model_id, agg.survey_id, dim_prompts.order_family_id
        )

)

select
    continent,
    size_group,
    display_name,
    quantization,
    prompt_name,
    pearson_r,
    ci_low,
    ci_high,
    blind_baseline_r,
    country_count,
    coalesce(null_reason, interval_null_reason) as null_reason,
    is_order_controlled,
    -- The position of a design within its continent, 0 to 1: by size, then by r.
    (row_number() over in_order - 0.5) / count(*) over (partition by continent) as position,
    model_id,
    prompt_id,
    population_id
from continents
window in_order as (
    partition by continent
    order by
        size_order,
        pearson_r desc nulls last,
        display_name,
        quantization,
        prompt_name,
        model_id,
        prompt_id,
        population_id
)
order by continent, position
