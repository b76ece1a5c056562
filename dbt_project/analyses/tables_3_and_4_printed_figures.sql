{{ imports(
    'printed_figures',
    'dim_choices',
    'dim_countries',
    'dim_questions',
    'dim_populations',
    'fct_human_choice_shares',
    'fct_choice_probabilities',
    'dim_models',
    'dim_prompts',
) }}

-- A choice belongs to the printed answer when all its codes do.
meant_choices as (

    select
        printed_figures.*,
        choices.coding_id,
        choices.choice_index
    from printed_figures
    inner join choices
        on
            printed_figures.question_id = choices.question_id
            and list_has_all(
                string_split(printed_figures.survey_codes, '|'),
                string_split(choices.survey_codes, '|')
            )

),

reference_shares as (

    select human_choice_shares.*
    from human_choice_shares
    inner join populations on human_choice_shares.population_id = populations.population_id
    where populations.is_reference

),

survey_shares as (

    select
        meant_choices.country_id,
        meant_choices.question_id,
        meant_choices.survey_codes,
        meant_choices.coding_id,
        any_value(reference_shares.population_id) as population_id,
        case
            when count(reference_shares.human_share) = count(*)
                then sum(reference_shares.human_share)
        end as survey_share,
        count(reference_shares.choice_index) as found_choices,
        any_value(reference_shares.null_reason) as null_reason
    from meant_choices
    left outer join reference_shares
        on
            meant_choices.country_id = reference_shares.country_id
            and meant_choices.question_id = reference_shares.question_id
            and meant_choices.coding_id = reference_shares.coding_id
            and meant_choices.choice_index = reference_shares.choice_index
    group by all

),

model_shares as (

    select
        meant_choices.country_id,
        meant_choices.question_id,
        meant_choices.survey_codes,
        meant_choices.coding_id,
        choice_probabilities.model_id,
        choice_probabilities.prompt_id,
        sum(choice_probabilities.llm_probability) as llm_probability
    from meant_choices
    inner join choice_probabilities
        on
            meant_choices.country_id = choice_probabilities.country_id
            and meant_choices.question_id = choice_probabilities.question_id
            and meant_choices.coding_id = choice_probabilities.coding_id
            and meant_choices.choice_index = choice_probabilities.choice_index
    group by all

),

final as (

    select
        countries.country_name,
        questions.question_id,
        questions.short_label,
        printed_figures.answer,
        printed_figures.printed_in,
        survey_shares.coding_id,
        survey_shares.population_id,
        printed_figures.printed_share,
        survey_shares.survey_share,
        printed_figures.printed_share - survey_shares.survey_share as printed_minus_survey,
        abs(printed_minus_survey) <= 0.02 as agrees,
        case
            when survey_shares.survey_share is not null then null
            when survey_shares.found_choices = 0 then 'not_loaded'
            else survey_shares.null_reason
        end as null_reason,
        models.display_name,
        models.quantization,
        prompts.prompt_name,
        model_shares.llm_probability
    from printed_figures
    inner join survey_shares
        on
            printed_figures.country_id = survey_shares.country_id
            and printed_figures.question_id = survey_shares.question_id
            and printed_figures.survey_codes = survey_shares.survey_codes
    inner join countries on printed_figures.country_id = countries.country_id
    inner join questions on printed_figures.question_id = questions.question_id
    left outer join model_shares
        on
            survey_shares.country_id = model_shares.country_id
            and survey_shares.question_id = model_shares.question_id
            and survey_shares.survey_codes = model_shares.survey_codes
            and survey_shares.coding_id = model_shares.coding_id
    left outer join models on model_shares.model_id = models.model_id
    left outer join prompts on model_shares.prompt_id = prompts.prompt_id

)

select * from final
order by
    question_id asc,
    country_name asc,
    coding_id asc,
    display_name asc,
    quantization asc,
    prompt_name asc
