with

questions as (

    {{ instrument_table('questions') }}

),

final as (

    select
        question_id,
        survey_id,
        question_order,
        category_id,
        battery_id,
        short_label,
        wording,
        scale_kind,
        polarity,
        pole,
        in_paper_set,
        paper_set_confidence,
        correct_choice_index,
        caution,
        {{ var_text("question_selection") }} as question_selection,
        {{ "in_paper_set" if var_value("question_selection") == "paper" else "true" }}
            as is_selected,
        -- The paper scores nominal and quiz questions as if their choices were in order.
        case
            when {{ var_text("question_selection") }} = 'paper' then null
            when scale_kind = 'nominal' then 'nominal_scale'
            when scale_kind = 'knowledge' then 'knowledge_question'
        end as unscaled_reason
    from questions

)

select * from final
