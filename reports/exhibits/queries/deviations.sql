select
    dim_models.display_name,
    dim_models.quantization,
    dim_prompts.prompt_name,
    dim_runs.study_name,
    dim_runs.study_sha256,
    dim_runs.status,
    dim_runs.cells_planned,
    dim_runs.cells_already_done,
    dim_runs.cells_scored,
    dim_runs.cells_planned - dim_runs.cells_already_done - dim_runs.cells_scored as cells_missing,
    dim_runs.path_difference,
    dim_runs.compute_type,
    strftime(dim_runs.started_at at time zone 'UTC', '%Y-%m-%d %H:%M') as started_at_utc,
    dim_runs.run_id
from marts.dim_runs
inner join marts.dim_models on dim_runs.model_id = dim_models.model_id
inner join marts.dim_prompts on dim_runs.prompt_id = dim_prompts.prompt_id
order by
    dim_runs.status = 'finished',
    cells_missing desc,
    dim_models.display_name,
    dim_models.quantization,
    dim_prompts.prompt_name,
    dim_runs.started_at,
    dim_runs.run_id
