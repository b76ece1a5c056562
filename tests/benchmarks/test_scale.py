"""The constants of docs/scale.toml that a run measures. `make scale` then writes the page anew."""

import os
import re
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from tests.benchmarks.conftest import processor
from tests.benchmarks.scoring import Workload, workload
from tests.benchmarks.sharing_out import MODEL, home_of
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.planning.scale import CONSTANTS
from valuescope.scorer.runs.session import ScoringSession

pytestmark = pytest.mark.benchmark


def test_a_core_and_a_row() -> None:
    work = workload(MODEL, "label_text")
    f32, bytes_a_row = measured(work, "f32")
    as_is, _ = measured(work, "as-is")
    write("on", f'"{datetime.now(UTC):%Y-%m-%d}"')
    write("machine", f'"{processor()}, {MODEL}"')
    write("landing_bytes", f"{bytes_a_row:.1f}")
    write("f32", f"{f32 / 1e9:.1f}e9")
    write("as_is", f"{as_is / 1e9:.1f}e9")
    assert f32 > 0
    assert as_is > 0


def measured(work: Workload, compute_type: str) -> tuple[float, float]:
    """Parameters times tokens a second of one core, and bytes of a choice row that has landed.

    By the processor's time, which other programs do not lengthen as they do the clock's.
    """
    numerics = Numerics(compute_type=compute_type)
    with (
        home_of(work) as other,
        ScoringSession(other, work.model_file, numerics=numerics, threads=1) as session,
    ):
        # What is tried before a design is scored for the first time weighs little in a study.
        session.score(work.design, work.questions, work.countries, limit=1)
    with home_of(work) as home:
        before = _processor_seconds()
        with ScoringSession(home, work.model_file, numerics=numerics, threads=1):
            pass
        loaded = _processor_seconds()
        with ScoringSession(home, work.model_file, numerics=numerics, threads=1) as session:
            summary = session.score(work.design, work.questions, work.countries)
        seconds = (_processor_seconds() - loaded) - (loaded - before)
        shards = list((home.landing / "choice_log_likelihoods").glob("[!_]*.parquet"))
        rows = sum(pq.read_metadata(shard).num_rows for shard in shards)
        (model,) = pq.read_table(next((home.landing / "models").glob("[!_]*.parquet"))).to_pylist()
        speed = model["parameter_count"] * summary.tokens_decoded / seconds
        return speed, sum(shard.stat().st_size for shard in shards) / rows


def _processor_seconds() -> float:
    """Return what this process and those that it has ended took of the processor."""
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def write(key: str, value: str) -> None:
    """Change one constant where it stands."""
    text = CONSTANTS.read_text(encoding="utf-8")
    changed, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text, count=1)
    assert count == 1
    CONSTANTS.write_text(changed, encoding="utf-8")
