"""What sharing a study out costs, as ratios within one run. Writes docs/benchmark.md."""

from statistics import median

import pytest

from tests.benchmarks.conftest import Report
from tests.benchmarks.sharing_out import (
    MODEL,
    cluster_seconds,
    plain_seconds,
    planning,
    processes_seconds,
    work,
)

pytestmark = pytest.mark.benchmark

TIMES = 3


def test_planning(sharing_report: Report) -> None:
    found = planning(models=1000, orders=5)
    sharing_report.add(
        f"planning 1,000 models x 10 designs ({found.tasks:,} tasks, "
        f"{found.rows / 1e9:.2f} billion choice rows), in 100 parts",
        f"{found.seconds:.1f} s",
        "10 s",
    )
    assert found.tasks > 100_000


def test_ray(sharing_report: Report) -> None:
    asked = work(blocks=1)
    plain, cluster = [], []
    for _ in range(TIMES):
        plain.append(plain_seconds(asked))
        cluster.append(cluster_seconds(asked))
    sharing_report.add(
        f"Ray, once started, over a plain run, one thread each: {MODEL}, label",
        f"{median(cluster) / median(plain):.2f}x "
        f"({median(cluster):.1f} s over {median(plain):.1f} s, medians of {TIMES})",
        "at most 1.10x",
    )
    assert len(cluster) == TIMES


def test_two_workers(sharing_report: Report) -> None:
    asked = work(blocks=2)
    one, two = [], []
    for _ in range(TIMES):
        one.append(processes_seconds(asked, ["1/1"], threads=2))
        two.append(processes_seconds(asked, ["1/2", "2/2"], threads=1))
    sharing_report.add(
        f"two processes, a part each, over one with two threads, loading counted: {MODEL}, label",
        f"{median(two) / median(one):.2f}x "
        f"({median(two):.1f} s over {median(one):.1f} s, medians of {TIMES})",
        "at most 1x",
    )
    assert len(two) == TIMES
