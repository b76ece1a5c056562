import os
import signal
import subprocess
import time
from pathlib import Path

from tests.valuescope.conftest import command, environment, succeed
from valuescope.warehouse.home import CLONE


def test_an_interrupted_build_leaves_the_database_as_it_was(copy_of_study: Path) -> None:
    database = copy_of_study / "valuescope.duckdb"
    before = database.read_bytes()
    results = copy_of_study / "dbt" / "target" / "run_results.json"
    with subprocess.Popen(
        command("build"),
        env=environment(copy_of_study),
        cwd=CLONE,
        stderr=subprocess.PIPE,
        # Ctrl-C in a terminal reaches the whole group of processes, dbt too.
        start_new_session=True,
    ) as building:
        # The build forgets the results of the last one when it starts dbt.
        while results.exists():
            assert building.poll() is None
            time.sleep(0.05)
        time.sleep(3)
        os.killpg(building.pid, signal.SIGINT)
        message = building.communicate()[1].decode()
    assert building.returncode == 130
    assert "Interrupted" in message
    assert "Traceback" not in message
    assert database.read_bytes() == before
    assert not (copy_of_study / ".next").exists()
    assert "up to date" in succeed(copy_of_study, "status")
