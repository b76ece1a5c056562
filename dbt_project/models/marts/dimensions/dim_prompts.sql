with

prompts as (

    select * from {{ ref('stg_prompts') }}

),

final as (

    select
        prompt_id,
        concat_ws(
            ' ',
            template_id,
            coding_id,
            wording_set,
            answer_style,
            choice_order,
            chat_mode,
            nullif(elicitation, 'likelihood'),
            if(temperature != 1, 'at temperature ' || temperature, null)
        ) as prompt_name,
        order_family_id,
        template_id,
        template_text,
        coding_id,
        wording_set,
        language,
        translator,
        source,
        answer_style,
        choice_order,
        is_derived,
        is_derived as is_order_controlled,
        row_number() over (
            partition by order_family_id
            order by is_derived desc, choice_order = 'forward' desc, prompt_id asc
        ) = 1 as is_headline,
        chat_mode,
        elicitation,
        temperature
    from prompts

)

select * from final
