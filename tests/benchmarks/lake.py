"""What `make bench` measures of a shared warehouse: the same build on a lake and on a file."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from tests.benchmarks.warehouse import MEMORY_LIMIT
from tests.dbt_project.study import WITHOUT_TESTS
from tests.lake.conftest import PYTHON, Lake
from tests.lake.postgresql import Server
from valuescope.warehouse.home import DBT_PROJECT, Home


@contextmanager
def lake_of(home: Home) -> Iterator[Lake]:
    """An empty lake with the surveys of `home`, on a PostgreSQL of its own."""
    server = Server()
    server.start()
    try:
        lake = Lake(server, home.path, server.create_database("benchmark"))
        lake.succeed("lake", "create", str(home.path / "lake"))
        lake.succeed("lake", "push")
        yield lake
    finally:
        server.stop()
        server.remove()


def build_on_lake(lake: Lake) -> float:
    """The seconds of a whole `dbt build` without dbt's tests, within the memory limit."""
    output = lake.home / "dbt-lake"
    with patch.dict(os.environ, VALUESCOPE_MEMORY_LIMIT=MEMORY_LIMIT):
        finished = subprocess.run(
            [
                *(str(PYTHON.parent / "dbt"), "build", "--target", "lake", "--no-use-colors"),
                *("--target-path", str(output / "target"), "--log-path", str(output / "logs")),
                *WITHOUT_TESTS,
            ],
            cwd=DBT_PROJECT,
            env=lake.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert finished.returncode == 0, finished.stdout[-3000:]
    results = json.loads((output / "target" / "run_results.json").read_text(encoding="utf-8"))
    return float(results["elapsed_time"])


def rows_on_lake(lake: Lake) -> int:
    """Choice rows in the lake's largest mart."""
    return int(lake.ask("select count(*) from fct_choice_probabilities"))
