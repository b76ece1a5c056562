with

models as (

    select * from {{ ref('stg_models') }}

),

registry as (

    select * from {{ ref('stg_registered_models') }}

),

-- A file that is not the registry's own carries its own name, yet may be another precision of it.
registered_names as (

    select
        {{ weights_name('model_name') }} as weights_name,
        model_name
    from registry

    union

    select
        {{ weights_name('coalesce(hub_file, package_file)') }} as weights_name,
        model_name
    from registry
    where coalesce(hub_file, package_file) is not null

),

unambiguous_names as (

    select
        weights_name,
        min(model_name) as model_name
    from registered_names
    group by all
    having count(*) = 1

),

named as (

    select
        models.*,
        case
            when models.is_in_registry then models.model_name
            else
                coalesce(
                    unambiguous_names.model_name, {{ weights_name('models.file_name') }}
                )
        end as weights_name
    from models
    left outer join unambiguous_names
        on {{ weights_name('models.file_name') }} = unambiguous_names.weights_name

),

-- Files of unlike names are one model where their metadata name the same one and the weights that
-- no quantization changes are the same. Names can deceive: what the files say of themselves must
-- not speak against it.
final as (

    select
        named.model_id,
        other_models.model_id as other_model_id,
        named.weights_name
    from named
    inner join named as other_models
        on
            (
                named.weights_name = other_models.weights_name
                or (
                    {{ weights_name('named.base_name') }}
                    = {{ weights_name('other_models.base_name') }}
                    and named.norms_sha256 = other_models.norms_sha256
                )
            )
            and named.quantization != other_models.quantization
            and (named.file_bytes, named.model_id)
            < (other_models.file_bytes, other_models.model_id)
            and coalesce(named.architecture = other_models.architecture, true)
            and coalesce(
                abs(named.parameter_count - other_models.parameter_count)
                <= 0.1 * other_models.parameter_count,
                true
            )

)

select * from final
