with

models as (

    {{ instrument_table('models') }}

),

final as (

    select
        *,
        in_paper is null as is_own
    from models

)

select * from final
