select
    dim_models.display_name,
    dim_models.file_name,
    dim_models.quantization,
    dim_models.file_bytes,
    dim_models.model_id as sha256,
    dim_runs.engine_version,
    dim_runs.valuescope_version,
    dim_runs.compute_type,
    dim_runs.kv_cache_type,
    dim_runs.flash_attention,
    dim_runs.scoring_path,
    dim_runs.numerics_id,
    count(dim_runs.run_id) as run_count,
    cast(sum(dim_runs.cells_scored) as bigint) as cells_scored
from marts.dim_models
left outer join marts.dim_runs on dim_models.model_id = dim_runs.model_id
group by all
order by
    dim_models.display_name,
    dim_models.quantization,
    sha256,
    dim_runs.valuescope_version,
    dim_runs.engine_version,
    dim_runs.numerics_id,
    dim_runs.compute_type,
    dim_runs.kv_cache_type,
    dim_runs.flash_attention,
    dim_runs.scoring_path
