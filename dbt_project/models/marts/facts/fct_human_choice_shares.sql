with

shares as (

    select * from {{ ref('int_human_choice_shares') }}

),

choices as (

    select * from {{ ref('stg_choices') }}

),

final as (

    select
        shares.population_id,
        shares.coding_id,
        shares.question_id,
        shares.country_id,
        shares.choice_index,
        shares.survey_id,
        shares.load_id,
        cast(shares.wave as integer) as wave,
        choices.choice_text,
        shares.choice_score,
        shares.human_share,
        cast(shares.respondents as bigint) as respondents,
        shares.outside_scale_share,
        shares.null_reason
    from shares
    inner join choices
        on
            shares.coding_id = choices.coding_id
            and shares.question_id = choices.question_id
            and shares.choice_index = choices.choice_index

)

select * from final
