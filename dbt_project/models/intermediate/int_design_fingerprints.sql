with

landed_designs as (

    select * from {{ ref('stg_landed_designs') }}

),

prompts as (

    select * from {{ ref('stg_prompts') }}

),

-- What every comparison depends on, whatever the model said. As it was read: the last bits of what
-- is computed from it depend on which processor came first.
surroundings as (

    select
        md5(concat_ws(
            '|',
            {{ content_hash(ref('stg_questions')) }},
            {{ content_hash(ref('stg_choices')) }},
            {{ content_hash(ref('dim_countries')) }},
            {{ content_hash(ref('int_reference_populations')) }},
            {{ content_hash(ref('stg_choice_codes')) }},
            {{ content_hash(ref('int_human_answers')) }},
            {{ content_hash(ref('stg_survey_fieldwork')) }}
        )) as fingerprint

),

asked as (

    select
        landed_designs.model_id,
        landed_designs.prompt_id,
        coalesce(prompts.order_family_id, landed_designs.prompt_id) as order_family_id,
        landed_designs.source_fingerprint || '/' || hash(prompts) -- noqa: RF02
            as source_fingerprint
    from landed_designs
    left outer join prompts on landed_designs.prompt_id = prompts.prompt_id

),

-- The designs of a family change together, because their average depends on each.
families as (

    select
        model_id,
        order_family_id,
        count(*) as design_count,
        string_agg(source_fingerprint, '|' order by prompt_id asc) as fingerprints
    from asked
    group by all

),

designs as (

    select
        model_id,
        prompt_id,
        order_family_id,
        false as is_derived
    from asked
    union all
    select
        model_id,
        order_family_id as prompt_id,
        order_family_id,
        true as is_derived
    from families
    where design_count > 1

),

final as (

    select
        designs.model_id,
        designs.prompt_id,
        designs.order_family_id,
        designs.is_derived,
        families.design_count,
        md5(concat_ws(
            '|',
            designs.model_id,
            designs.prompt_id,
            families.fingerprints,
            hash(prompts), -- noqa: RF02
            surroundings.fingerprint
        )) as source_fingerprint
    from designs
    inner join families
        on
            designs.model_id = families.model_id
            and designs.order_family_id = families.order_family_id
    left outer join prompts on designs.prompt_id = prompts.prompt_id
    cross join surroundings

)

select * from final
