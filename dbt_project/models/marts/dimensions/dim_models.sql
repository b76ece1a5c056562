with

models as (

    select * from {{ ref('stg_models') }}

),

registry as (

    select * from {{ ref('stg_registered_models') }}

),

-- A file is a row's by the name that it was scored under, by its content or, for the user's own
-- rows, by the name of its weights, so that rows that were written after scoring count too.
recognised as (

    select
        models.model_id,
        registry.*
    from models
    inner join registry
        on
            (models.is_in_registry and models.model_name = registry.model_name)
            or models.model_id = registry.file_sha256
            or (
                registry.is_own
                and registry.file_sha256 is null
                and {{ weights_name('models.model_name') }}
                = {{ weights_name('registry.model_name') }}
            )
    qualify
        row_number() over (
            partition by models.model_id
            order by
                models.model_id = registry.file_sha256 desc nulls last,
                models.model_name = registry.model_name desc,
                registry.model_name asc
        ) = 1

),

final as (

    select
        models.model_id,
        coalesce(recognised.model_name, models.model_name) as model_name,
        coalesce(recognised.display_name, recognised.model_name, models.model_name)
            as display_name,
        recognised.model_name is not null as is_in_registry,
        recognised.family,
        coalesce(recognised.parameter_count, models.parameter_count) as parameter_count,
        recognised.training_tokens,
        recognised.corpus_kind,
        recognised.release_month,
        recognised.training_cutoff_month,
        case
            when recognised.parameter_count < 5e9 then 'small'
            when recognised.parameter_count < 20e9 then 'medium'
            when recognised.parameter_count is not null then 'large'
        end as size_group,
        models.is_chat,
        recognised.partner_model_name,
        coalesce(recognised.in_paper, false) as in_paper,
        models.quantization,
        models.architecture,
        models.context_length,
        models.vocabulary_size,
        models.file_name,
        models.file_bytes,
        models.chat_template_sha256,
        recognised.licence,
        models.described_at
    from models
    left outer join recognised on models.model_id = recognised.model_id

)

select * from final
