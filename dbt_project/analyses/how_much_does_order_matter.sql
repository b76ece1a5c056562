{{ imports('fct_mean_scores', 'agg_country_correlations', 'dim_models', 'dim_prompts') }}

asked_prompts as (

    select *
    from prompts
    where not is_derived

),

-- Two orders of one design, the one that is shown forward first.
pairs_of_orders as (

    select
        one.prompt_id as first_prompt_id,
        another.prompt_id as second_prompt_id,
        one.prompt_name as first_prompt_name,
        one.choice_order as first_order,
        another.choice_order as second_order
    from asked_prompts as one
    inner join asked_prompts as another
        on
            one.order_family_id = another.order_family_id
            and one.choice_order < another.choice_order

),

cells as (

    select
        pairs_of_orders.first_prompt_id,
        pairs_of_orders.second_prompt_id,
        first_scores.model_id,
        first_scores.survey_id,
        count(*) as cell_count,
        avg(abs(first_scores.llm_mean_score - second_scores.llm_mean_score))
            as mean_absolute_change,
        quantile_cont(abs(first_scores.llm_mean_score - second_scores.llm_mean_score), 0.95)
            as change_of_the_95th_percentile
    from pairs_of_orders
    inner join mean_scores as first_scores
        on pairs_of_orders.first_prompt_id = first_scores.prompt_id
    inner join mean_scores as second_scores
        on
            pairs_of_orders.second_prompt_id = second_scores.prompt_id
            and first_scores.model_id = second_scores.model_id
            and first_scores.question_id = second_scores.question_id
            and first_scores.country_id = second_scores.country_id
    where
        first_scores.llm_mean_score is not null
        and second_scores.llm_mean_score is not null
        and first_scores.country_id != 'ZZZ'
    group by all

),

correlations as (

    select
        model_id,
        prompt_id,
        survey_id,
        avg(pearson_r) as mean_pearson_r
    from country_correlations
    group by all

),

final as (

    select
        models.display_name,
        models.quantization,
        pairs_of_orders.first_prompt_name as prompt_name,
        cells.survey_id,
        pairs_of_orders.first_order,
        pairs_of_orders.second_order,
        cells.cell_count,
        cells.mean_absolute_change,
        cells.change_of_the_95th_percentile,
        first_correlations.mean_pearson_r as mean_r_in_first_order,
        second_correlations.mean_pearson_r as mean_r_in_second_order
    from cells
    inner join models on cells.model_id = models.model_id
    inner join pairs_of_orders
        on
            cells.first_prompt_id = pairs_of_orders.first_prompt_id
            and cells.second_prompt_id = pairs_of_orders.second_prompt_id
    inner join correlations as first_correlations
        on
            cells.model_id = first_correlations.model_id
            and cells.survey_id = first_correlations.survey_id
            and cells.first_prompt_id = first_correlations.prompt_id
    inner join correlations as second_correlations
        on
            cells.model_id = second_correlations.model_id
            and cells.survey_id = second_correlations.survey_id
            and cells.second_prompt_id = second_correlations.prompt_id
    where {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    mean_absolute_change desc,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc,
    second_order asc
