with

groups as (

    select * from {{ ref('agg_group_correlations') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        groups.survey_id,
        countries.country_name,
        groups.group_id,
        groups.pearson_r,
        groups.pearson_r_standard_error,
        groups.gain,
        groups.gain_standard_error,
        groups.deviation_r,
        groups.deviation_r_standard_error,
        groups.mean_total_variation,
        groups.mean_wasserstein_1,
        groups.question_count,
        groups.null_reason,
        groups.deviation_null_reason,
        prompts.is_order_controlled
    from groups
    inner join models on groups.model_id = models.model_id
    inner join prompts on groups.prompt_id = prompts.prompt_id
    inner join countries on groups.country_id = countries.country_id
    where
        {{ var_text("model", "all") }} in ('all', models.model_name)
        and {{ var_text("country", "all") }} in ('all', countries.country_id)

)

select * from final
order by
    is_order_controlled desc,
    pearson_r desc nulls last,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc,
    country_name asc,
    group_id asc
