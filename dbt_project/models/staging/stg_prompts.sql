with

shards as (

    select * from {{ source('landing', 'prompts') }}

),

asked as (

    select distinct on (prompt_id)
        prompt_id,
        -- Versions before it was recorded: all that they tell of the design.
        coalesce(shards.order_family_id, left(sha256(concat_ws(
            '|', template_id, template_text, coding_id, wording_set, language, answer_style, chat_mode
        )), 16)) as order_family_id,
        template_id,
        template_text,
        coding_id,
        wording_set,
        language,
        translator,
        source,
        answer_style,
        choice_order,
        chat_mode,
        false as is_derived
    from shards
    order by prompt_id asc, shards.order_family_id asc nulls last, template_id asc

),

averaged as (

    select
        order_family_id as prompt_id,
        order_family_id,
        min(template_id) as template_id,
        min(template_text) as template_text,
        min(coding_id) as coding_id,
        min(wording_set) as wording_set,
        min(language) as language,
        min(translator) as translator,
        min(source) as source,
        min(answer_style) as answer_style,
        'averaged' as choice_order,
        min(chat_mode) as chat_mode,
        true as is_derived
    from asked
    group by order_family_id
    having count(distinct choice_order) > 1

),

final as (

    select * from asked
    union all
    select * from averaged

)

select * from final
