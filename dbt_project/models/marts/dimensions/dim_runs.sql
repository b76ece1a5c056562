with

runs as (

    select * from {{ ref('stg_runs') }}

),

final as (

    select
        run_id,
        model_id,
        prompt_id,
        numerics_id,
        status,
        scoring_path,
        compute_type,
        kv_cache_type,
        flash_attention,
        batch_size,
        context_size,
        gpu_layers,
        threads,
        engine_version,
        valuescope_version,
        path_difference,
        metadata_overrides,
        study_name,
        study_sha256,
        source_file,
        cells_planned,
        cells_already_done,
        cells_scored,
        tokens_decoded,
        seconds_scoring,
        seconds_decoding,
        started_at,
        finished_at
    from runs

)

select * from final
