"""Remove runs and models from the landing zone: their answers, their records, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.shards import (
    SCHEMAS,
    query_landing,
    replace_shard,
)


@dataclass(frozen=True)
class LandedRun:
    """One run of the landing zone; `cells` counts the answers by question and subject it holds."""

    run_id: str
    model_id: str
    model_name: str
    prompt_id: str
    cells: int


def find_runs(home: Home, name: str) -> tuple[LandedRun, ...]:
    """Return the run of that id, or all runs of the model of that name or id."""
    return tuple(run for run in landed_runs(home) if name in _names(run))


def landed_runs(home: Home) -> tuple[LandedRun, ...]:
    """Return every run on record, the oldest first."""
    if not (home.landing / "runs").exists():
        return ()
    rows = query_landing(
        home,
        """
        with

        landed as (
            select run_id, count(distinct (question_id, country_id, group_id, placebo_id)) as cells
            from choice_log_likelihoods
            group by run_id
        ),

        named as (
            select model_id, arg_max(model_name, described_at) as model_name
            from models
            group by model_id
        )

        select
            runs.run_id,
            runs.model_id,
            coalesce(any_value(named.model_name), runs.model_id),
            any_value(runs.prompt_id),
            coalesce(any_value(landed.cells), 0)
        from runs
        left join landed using (run_id)
        left join named using (model_id)
        group by runs.run_id, runs.model_id
        order by min(runs.started_at), runs.run_id
        """,
    )
    return tuple(LandedRun(*row) for row in rows)


def remove_runs(home: Home, runs: Sequence[LandedRun]) -> None:
    """Delete the answers and records of runs, and those of models that have no run left.

    The caller holds the locks of the runs' models and designs. Answers go first, so that a stop in
    between leaves a record by which the rest can be removed.
    """
    run_ids = {run.run_id for run in runs}
    _remove_rows(home, "choice_log_likelihoods", "run_id", run_ids)
    _remove_rows(home, "runs", "run_id", run_ids)
    left = {run.model_id for run in landed_runs(home)}
    _remove_rows(home, "models", "model_id", {run.model_id for run in runs} - left)


def _names(run: LandedRun) -> tuple[str, ...]:
    return run.run_id, run.model_name, run.model_id


def _remove_rows(home: Home, table: str, column: str, values: set[str]) -> None:
    """Remove rows from every shard; a shard that merges other runs' rows too is written anew."""
    for shard in sorted((home.landing / table).glob("[!._]*.parquet")):
        held = set(pq.read_table(shard, columns=[column], partitioning=None)[column].to_pylist())
        if held <= values:
            shard.unlink(missing_ok=True)
        elif held & values:
            rows = pq.read_table(shard, schema=SCHEMAS[table])
            is_removed = pc.is_in(rows[column], value_set=pa.array(sorted(values), pa.string()))
            replace_shard(shard, rows.filter(pc.invert(is_removed)))
