{{ imports(
    'fct_mean_scores',
    'fct_human_mean_scores',
    'dim_models',
    'dim_prompts',
    'dim_countries',
) }}

-- Orders of the choices apart from their average only where there is none.
designs as (

    select distinct
        mean_scores.model_id,
        mean_scores.prompt_id,
        prompts.order_family_id,
        prompts.is_derived
    from mean_scores
    inner join prompts on mean_scores.prompt_id = prompts.prompt_id

),

headline_designs as (

    select *
    from designs
    qualify
        is_derived
        or not bool_or(is_derived) over (partition by model_id, order_family_id)

),

people as (

    select *
    from human_mean_scores
    where human_mean_score is not null

),

-- What the model says of a country beside every country's people, on the questions that both
-- peoples were asked; beside other people only where the named country has no survey.
crossed as (

    select
        mean_scores.model_id,
        mean_scores.prompt_id,
        mean_scores.survey_id,
        mean_scores.country_id as named_country_id,
        other_people.country_id as people_country_id,
        count(*) as question_count,
        {{ pearson_r(
            'mean_scores.llm_mean_score', 'other_people.human_mean_score', var_number('minimum_questions')
        ) }} as pearson_r,
        case
            when count(mean_scores.human_mean_score) = count(*)
                then
                    {{ pearson_r(
                        'mean_scores.llm_mean_score',
                        'mean_scores.human_mean_score',
                        var_number('minimum_questions'),
                    ) }}
        end as r_with_named_people
    from mean_scores
    inner join headline_designs
        on
            mean_scores.model_id = headline_designs.model_id
            and mean_scores.prompt_id = headline_designs.prompt_id
    inner join people as other_people
        on
            mean_scores.population_id = other_people.population_id
            and mean_scores.coding_id = other_people.coding_id
            and mean_scores.question_id = other_people.question_id
    where
        mean_scores.llm_mean_score is not null
        and (
            mean_scores.human_mean_score is not null
            or mean_scores.null_reason in ('country_free', 'country_not_surveyed')
        )
        and {{ var_text("country", "all") }} in ('all', mean_scores.country_id)
    group by all

),

ranked as (

    select
        *,
        row_number() over (
            partition by model_id, prompt_id, survey_id, named_country_id
            order by pearson_r - coalesce(r_with_named_people, 0) desc, people_country_id asc
        ) as closeness_rank
    from crossed
    where pearson_r is not null

),

final as (

    select
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        ranked.survey_id,
        named.country_name as named_country,
        nearest.country_name as nearest_people,
        ranked.pearson_r as r_with_nearest_people,
        ranked.r_with_named_people,
        ranked.named_country_id = ranked.people_country_id as are_the_named_people,
        ranked.question_count
    from ranked
    inner join models on ranked.model_id = models.model_id
    inner join prompts on ranked.prompt_id = prompts.prompt_id
    inner join countries as named on ranked.named_country_id = named.country_id
    inner join countries as nearest on ranked.people_country_id = nearest.country_id
    where
        ranked.closeness_rank = 1
        and {{ var_text("model", "all") }} in ('all', models.model_name)

)

select * from final
order by
    display_name asc,
    quantization asc,
    prompt_name asc,
    survey_id asc,
    named_country asc
