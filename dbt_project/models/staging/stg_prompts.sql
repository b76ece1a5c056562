with

shards as (

    select * from {{ source('landing', 'prompts') }}

),

named as (

    select
        prompt_id,
        -- Versions before it was recorded: all that they record of the design.
        coalesce(order_family_id, left(sha256(concat_ws(
            '|',
            template_id,
            template_text,
            coding_id,
            wording_set,
            language,
            answer_style,
            chat_mode
        )), 16)) as order_family_id,
        order_family_id is null as is_of_earlier_version,
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
        coalesce(elicitation, 'likelihood') as elicitation,
        temperature
    from shards

),

asked as (

    select distinct on (prompt_id)
        * exclude (is_of_earlier_version),
        false as is_derived
    from named
    order by prompt_id asc, is_of_earlier_version asc, template_id asc

),

families as (

    select
        order_family_id,
        min(prompt_id) as first_prompt_id
    from asked
    group by order_family_id
    having count(distinct choice_order) > 1

),

averaged as (

    select
        asked.* replace (
            families.order_family_id as prompt_id,
            'averaged' as choice_order,
            true as is_derived
        )
    from families
    inner join asked on families.first_prompt_id = asked.prompt_id

),

together as (

    select * from asked
    union all by name
    select * from averaged

),

final as (

    select
        prompt_id,
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
        chat_mode,
        elicitation,
        temperature,
        is_derived
    from together

)

select * from final
