with

countries as (

    select * from {{ ref('countries') }}

),

-- Prompts that name no country have a row too, so that every fact points to one.
country_free as (

    select
        'ZZZ' as country_id,
        'No country named' as country_name,
        true as is_country_free

),

final as (

    select
        country_id,
        country_name,
        false as is_country_free,
        iso_numeric,
        iso_alpha_2,
        continent,
        continent_note,
        un_subregion,
        is_western_paper,
        is_western_weog,
        is_western_inglehart_welzel,
        in_wvs,
        in_wvs7,
        {{ is_reference_country('country_id') }} as is_reference_country
    from countries
    union all by name
    select * from country_free

)

select * from final
