with

models as (

    select * from {{ ref('stg_models') }}

),

registry as (

    select * from {{ ref('models') }}

),

final as (

    select
        models.model_id,
        models.model_name,
        coalesce(registry.display_name, models.model_name) as display_name,
        registry.model_name is not null as is_in_registry,
        registry.family,
        coalesce(registry.parameter_count, models.parameter_count) as parameter_count,
        registry.training_tokens,
        registry.corpus_kind,
        registry.size_group,
        models.is_chat,
        registry.partner_model_name,
        coalesce(registry.in_paper, false) as in_paper,
        models.quantization,
        models.architecture,
        models.context_length,
        models.vocabulary_size,
        models.file_name,
        models.file_bytes,
        models.chat_template_sha256,
        registry.licence,
        models.described_at
    from models
    left outer join registry
        on
            models.model_name = registry.model_name
            and models.is_in_registry

)

select * from final
