import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Writes down what a worker is given, and what the programs that its tests start take over from it.
PROBE = """
import subprocess, sys
from pathlib import Path
from valuescope.scorer.engine.numerics import default_threads

def test_probe(worker_id):
    ask = "import os; print(sorted(os.sched_getaffinity(0)))"
    inherited = subprocess.check_output([sys.executable, "-c", ask], text=True).strip()
    line = f"{default_threads()} {inherited}"
    Path(__file__).with_name(f"{worker_id}.txt").write_text(line)
"""


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or os.cpu_count() == 1,
    reason="needs a system with several processors that can be given to processes",
)
def test_workers_and_the_programs_that_they_start_have_processors_of_their_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_probe.py").write_text(PROBE, encoding="utf-8")
    script = (
        # The worker that runs this test has a share of the processors only.
        "import os, sys, pytest; os.sched_setaffinity(0, range(os.cpu_count())); "
        "sys.exit(pytest.main(sys.argv[1:]))"
    )
    result = subprocess.run(
        [
            *(sys.executable, "-c", script, "-n", "2", "--dist", "each", "-q"),
            *("-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"),
            *("-p", "no:cacheprovider", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    shares = []
    for worker in ("gw0", "gw1"):
        threads, inherited = (tmp_path / f"{worker}.txt").read_text().split(maxsplit=1)
        shares.append(set(json.loads(inherited)))
        assert int(threads) == len(shares[-1]) > 0
    assert shares[0].isdisjoint(shares[1])
