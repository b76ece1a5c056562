-- One row per model, design, country and question, with names, both sides and how they differ.
with

-- Files that share name and quantization are distinguished by the beginning of their ids.
named_models as (

    select
        *,
        concat_ws(' ', display_name, quantization) as full_name,
        full_name || if(
            count(*) over (partition by full_name) > 1, ' (' || left(model_id, 8) || ')', ''
        ) as model
    from marts.dim_models

),

models as (

    select *, row_number() over (order by model, model_id) as model_number from named_models

),

designs as (

    select *, row_number() over (order by prompt_name, prompt_id) as design_number
    from marts.dim_prompts

),

questions as (

    select *, row_number() over (order by survey_id, question_order, question_id) as question_number
    from marts.dim_questions

),

categories as (

    select *, row_number() over (order by category_id) as category_number
    from marts.dim_categories

),

headlines as (

    select distinct model_id, prompt_id, survey_id from marts.headline_countries

),

choices as (

    select coding_id, question_id, max(choice_index) as choice_count
    from marts.dim_choices
    group by coding_id, question_id

),

people_shares as (

    select
        population_id,
        coding_id,
        question_id,
        country_id,
        {%- for choice in range(1, choice_count + 1) %}
        max(human_share) filter (where choice_index = {{ choice }}) as human_share_{{ choice }},
        {%- endfor %}
    from marts.fct_human_choice_shares
    group by population_id, coding_id, question_id, country_id

),

model_shares as (

    select
        model_id,
        prompt_id,
        question_id,
        country_id,
        {%- for choice in range(1, choice_count + 1) %}
        max(llm_probability) filter (where choice_index = {{ choice }}) as llm_share_{{ choice }},
        {%- endfor %}
    from marts.fct_choice_probabilities
    group by model_id, prompt_id, question_id, country_id

)

select
    cells.model_id,
    models.model_number,
    models.model,
    models.family as model_family,
    models.parameter_count,
    models.is_chat,
    models.training_cutoff_month,
    cells.prompt_id,
    designs.design_number,
    designs.prompt_name as design,
    designs.template_id,
    designs.wording_set,
    designs.language,
    designs.coding_id,
    designs.answer_style,
    designs.choice_order,
    designs.chat_mode,
    designs.elicitation,
    designs.is_order_controlled,
    headlines.model_id is not null as is_headline,
    cells.country_id,
    countries.iso_numeric as country_number,
    coalesce(countries.country_name, cells.country_id) as country,
    countries.continent,
    cells.question_id,
    questions.question_number,
    questions.short_label as question,
    cells.category_id,
    categories.category_number,
    categories.category_name as category,
    questions.battery_id,
    questions.scale_kind,
    questions.polarity,
    cells.survey_id,
    cells.population_id,
    people.wave,
    people.first_year,
    people.last_year,
    cells.human_mean_score,
    cells.human_standard_error,
    cells.standard_error_basis,
    cells.respondents,
    people.effective_sample_size,
    cells.human_entropy,
    cells.outside_scale_share,
    cells.llm_mean_score,
    cells.llm_standard_error,
    cells.draws,
    cells.noise_sensitivity,
    cells.llm_entropy,
    cells.off_choice_mass,
    cells.blind_mean_score,
    cells.llm_mean_score - cells.human_mean_score as error,
    cells.absolute_error,
    cells.wasserstein_1,
    cells.total_variation,
    cells.jensen_shannon_distance,
    cells.modal_agreement,
    cells.null_reason,
    choices.choice_count,
    people_shares.* exclude (population_id, coding_id, question_id, country_id),
    model_shares.* exclude (model_id, prompt_id, question_id, country_id)
from marts.fct_mean_scores as cells
inner join models on cells.model_id = models.model_id
inner join designs on cells.prompt_id = designs.prompt_id
inner join questions on cells.question_id = questions.question_id
inner join choices
    on cells.coding_id = choices.coding_id and cells.question_id = choices.question_id
inner join categories on cells.category_id = categories.category_id
left outer join marts.dim_countries as countries on cells.country_id = countries.country_id
inner join model_shares
    on
        cells.model_id = model_shares.model_id
        and cells.prompt_id = model_shares.prompt_id
        and cells.question_id = model_shares.question_id
        and cells.country_id = model_shares.country_id
left outer join people_shares
    on
        cells.population_id = people_shares.population_id
        and cells.coding_id = people_shares.coding_id
        and cells.question_id = people_shares.question_id
        and cells.country_id = people_shares.country_id
left outer join headlines
    on
        cells.model_id = headlines.model_id
        and cells.prompt_id = headlines.prompt_id
        and cells.survey_id = headlines.survey_id
left outer join marts.fct_human_mean_scores as people
    on
        cells.population_id = people.population_id
        and cells.coding_id = people.coding_id
        and cells.question_id = people.question_id
        and cells.country_id = people.country_id
-- Answers without a country are compared with nobody.
where not coalesce(countries.is_country_free, false)
