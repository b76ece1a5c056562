with

country_correlations as (

    select * from {{ ref('agg_country_correlations') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

-- Both means are over the countries that have both correlations.
compared as (

    select
        model_id,
        prompt_id,
        survey_id,
        is_order_controlled,
        count(*) as country_count,
        avg(pearson_r) as mean_pearson_r,
        avg(blind_baseline_r) as mean_blind_baseline_r,
        avg(pearson_r - blind_baseline_r) as mean_r_above_blind,
        count(*) filter (where pearson_r > blind_baseline_r) as countries_above_blind,
        avg(skill) as mean_skill,
        count(*) filter (where skill > 0) as countries_with_skill
    from country_correlations
    where pearson_r is not null and blind_baseline_r is not null
    group by all

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        compared.survey_id,
        compared.country_count,
        compared.mean_pearson_r,
        compared.mean_blind_baseline_r,
        compared.mean_r_above_blind,
        compared.countries_above_blind,
        compared.mean_skill,
        compared.countries_with_skill,
        compared.is_order_controlled
    from compared
    inner join models on compared.model_id = models.model_id
    inner join prompts on compared.prompt_id = prompts.prompt_id
    where '{{ var("model", "all") }}' in ('all', models.model_name)

)

select * from final
order by
    mean_r_above_blind desc,
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc
