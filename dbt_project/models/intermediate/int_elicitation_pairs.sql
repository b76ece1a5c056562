with

mean_scores as (

    select * from {{ ref('fct_mean_scores') }}

),

prompts as (

    select * from {{ ref('dim_prompts') }}

),

designs as (

    select distinct
        mean_scores.survey_id,
        mean_scores.model_id,
        mean_scores.prompt_id,
        prompts.elicitation,
        prompts.temperature,
        prompts.template_text,
        prompts.answer_style,
        prompts.choice_order,
        {
            'coding_id': prompts.coding_id,
            'wording_set': prompts.wording_set,
            'language': prompts.language,
            'chat_mode': prompts.chat_mode
        } as asked,
        list_position(
            ['likelihood', 'probability', 'sampled', 'verbalised'], prompts.elicitation
        ) as elicitation_rank
    from mean_scores
    inner join prompts on mean_scores.prompt_id = prompts.prompt_id

),

-- Percentages have a template and an answer of their own.
final as (

    select
        designs.survey_id,
        designs.model_id,
        designs.prompt_id,
        other_designs.prompt_id as other_prompt_id
    from designs
    inner join designs as other_designs
        on
            designs.survey_id = other_designs.survey_id
            and designs.model_id = other_designs.model_id
            and designs.asked = other_designs.asked
            and designs.choice_order = other_designs.choice_order
            and designs.elicitation_rank > other_designs.elicitation_rank
            and (
                designs.elicitation = 'verbalised'
                or (
                    designs.template_text = other_designs.template_text
                    and designs.answer_style = other_designs.answer_style
                )
            )
    -- One order: averaged where both have it.
    qualify
        row_number() over (
            partition by
                designs.survey_id,
                designs.model_id,
                designs.asked,
                designs.elicitation,
                designs.temperature,
                designs.template_text,
                designs.answer_style,
                other_designs.elicitation,
                other_designs.temperature,
                other_designs.template_text,
                other_designs.answer_style
            order by
                designs.choice_order = 'averaged' desc,
                designs.choice_order = 'forward' desc,
                designs.choice_order asc
        ) = 1

)

select * from final
