{{ imports('agg_specification_spread', 'dim_models') }}

final as (

    select
        models.display_name,
        models.quantization,
        specification_spread.survey_id,
        specification_spread.measure,
        specification_spread.design_count,
        specification_spread.specification_count,
        specification_spread.cell_count,
        specification_spread.lowest,
        specification_spread.median,
        specification_spread.highest,
        specification_spread.spread,
        specification_spread.null_reason
    from specification_spread
    inner join models on specification_spread.model_id = models.model_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by display_name asc, quantization asc, survey_id asc, measure asc
