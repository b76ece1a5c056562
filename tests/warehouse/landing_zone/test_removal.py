"""Runs leave the landing zone whole, and take nothing of other runs along."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.warehouse.landing_zone.test_shards import TABLE, answer, write_run
from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.removal import find_runs, remove_runs
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone, write_shard


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Two runs of one model, whose answers were merged into one file, and one of another model."""
    home = Home(tmp_path)
    ensure_landing_zone(home)
    for run_id, model_id in (("one", "a" * 64), ("two", "a" * 64), ("three", "b" * 64)):
        write_run(home, run_id, model_id, "prompt")
    for model_id in ("a" * 64, "b" * 64):
        model: dict[str, Any] = {"model_id": model_id, "model_name": f"model-{model_id[0]}"}
        model |= {"is_in_registry": False, "file_name": "f", "file_bytes": 1, "is_chat": False}
        model |= {"described_at": datetime(2026, 1, 1, tzinfo=UTC)}
        write_shard(home, "models", [model], f"{model_id}.parquet")
    both = [
        answer(run_id=run_id, model_id="a" * 64, question_id=run_id) for run_id in ("one", "two")
    ]
    write_shard(home, TABLE, both, "two.parquet")
    write_shard(home, TABLE, [answer(run_id="one", model_id="a" * 64)], "one-1.parquet")
    write_shard(home, TABLE, [answer(run_id="three", model_id="b" * 64)], "three-1.parquet")
    return home


def held(home: Home, table: str, column: str) -> list[str]:
    shards = sorted((home.landing / table).glob("[!_]*.parquet"))
    return sorted(
        pa.concat_tables(pq.read_table(s, columns=[column]) for s in shards)[column].to_pylist()
    )


def test_a_run_goes_from_merged_files_too(home: Home) -> None:
    remove_runs(home, find_runs(home, "one"))
    assert held(home, TABLE, "run_id") == ["three", "two"]
    assert held(home, "runs", "run_id") == ["three", "two"]
    assert held(home, "models", "model_id") == ["a" * 64, "b" * 64]


@pytest.mark.parametrize("name", ["model-a", "a" * 64])
def test_a_model_goes_with_all_its_runs(home: Home, name: str) -> None:
    runs = find_runs(home, name)
    assert [(run.run_id, run.cells) for run in runs] == [("one", 2), ("two", 1)]
    remove_runs(home, runs)
    assert held(home, TABLE, "run_id") == ["three"]
    assert held(home, "runs", "run_id") == ["three"]
    assert held(home, "models", "model_id") == ["b" * 64]
    assert find_runs(home, name) == ()
