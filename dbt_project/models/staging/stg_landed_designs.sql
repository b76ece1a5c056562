with

shards as (

    select * from {{ source('landing', 'choice_log_likelihoods') }}

),

designs as (

    select
        model_id,
        prompt_id,
        count(*) as landed_rows,
        -- 64 bits identify the rows of one design; two alike would only mean the slower way.
        count(distinct hash(question_id, country_id, group_id, placebo_id, choice_index))
            as choice_rows,
        sum(hash(
            run_id,
            numerics_id,
            question_id,
            country_id,
            group_id,
            placebo_id,
            choice_index,
            text_sha256,
            log_likelihood,
            scored_at
        )) as content_sum
    from shards
    group by all

),

final as (

    select
        model_id,
        prompt_id,
        landed_rows,
        choice_rows,
        landed_rows > choice_rows as has_repeated_choices,
        md5(concat_ws(
            '|', model_id, prompt_id, landed_rows, content_sum, '{{ code_fingerprint() }}'
        )) as source_fingerprint
    from designs

)

select * from final
