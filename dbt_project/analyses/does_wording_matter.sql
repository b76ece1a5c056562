with

spreads as (

    select * from {{ ref('agg_specification_spread') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

final as (

    select
        models.display_name,
        models.quantization,
        spreads.survey_id,
        spreads.measure,
        spreads.design_count,
        spreads.specification_count,
        spreads.cell_count,
        spreads.lowest,
        spreads.median,
        spreads.highest,
        spreads.spread,
        spreads.null_reason
    from spreads
    inner join models on spreads.model_id = models.model_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by display_name asc, quantization asc, survey_id asc, measure asc
