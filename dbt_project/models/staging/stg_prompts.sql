with

shards as (

    select * from {{ source('landing', 'prompts') }}

),

final as (

    select distinct on (prompt_id)
        prompt_id,
        template_id,
        template_text,
        coding_id,
        wording_set,
        language,
        translator,
        source,
        answer_style,
        choice_order,
        chat_mode
    from shards
    order by prompt_id, template_id

)

select * from final
