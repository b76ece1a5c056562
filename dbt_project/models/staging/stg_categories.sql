with

categories as (

    {{ instrument_table('categories') }}

),

final as (

    select
        category_id,
        survey_id,
        category_name,
        category_order,
        in_paper,
        question_range
    from categories

)

select * from final
