{{ config(materialized='view') }}

with

asked as (

    select * from {{ ref('int_asked_distributions') }}

),

averaged as (

    select * from {{ ref('int_averaged_distributions') }}

),

final as (

    select * from asked
    union all by name
    select * from averaged

)

select * from final
