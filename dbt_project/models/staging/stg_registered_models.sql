with

models as (

    {{ instrument_table('models') }}

),

final as (

    select
        model_name,
        display_name,
        family,
        parameter_count,
        training_tokens,
        corpus_kind,
        release_month,
        training_cutoff_month,
        is_chat,
        partner_model_name,
        in_paper,
        hub_file,
        package_file,
        file_sha256,
        licence,
        in_paper is null as is_own
    from models

)

select * from final
