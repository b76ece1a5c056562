with

shards as (

    select * from {{ source('landing', 'models') }}

),

final as (

    select distinct on (model_id)
        model_id,
        model_name,
        is_in_registry,
        file_name,
        file_bytes,
        architecture,
        parameter_count,
        quantization,
        context_length,
        vocabulary_size,
        is_chat,
        chat_template_sha256,
        base_name,
        norms_sha256,
        described_at
    from shards
    order by model_id asc, described_at desc

)

select * from final
