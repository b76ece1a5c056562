select
    agg.specification_rank,
    agg.template_id,
    agg.choice_order,
    agg.answer_style,
    agg.normalization,
    agg.coding_id,
    agg.wording_set,
    agg.chat_mode,
    agg.elicitation,
    agg.pearson_r,
    agg.blind_baseline_r,
    agg.demeaned_pearson_r,
    agg.country_count,
    agg.cell_count,
    agg.null_reason,
    agg.prompt_id = $prompt_id and agg.normalization = 'sum' as is_chosen,
    row_number() over (
        order by
            agg.specification_rank nulls last,
            agg.template_id,
            agg.choice_order,
            agg.answer_style,
            agg.normalization,
            agg.coding_id,
            agg.wording_set,
            agg.chat_mode,
            agg.elicitation,
            agg.prompt_id
    ) as rank
from marts.agg_specification_correlations as agg
where
    agg.model_id = $model_id
    and agg.population_id is not distinct from $population_id
order by rank
