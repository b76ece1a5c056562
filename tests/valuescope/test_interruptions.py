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
    log = copy_of_study / "dbt" / "logs" / "dbt.log"
    log.unlink()
    with subprocess.Popen(
        command("build"),
        env=environment(copy_of_study),
        cwd=CLONE,
        stderr=subprocess.PIPE,
        # Ctrl-C in a terminal reaches the whole group of processes, dbt too.
        start_new_session=True,
    ) as building:
        # dbt is in the middle of a build, on a machine of any speed.
        while not (log.exists() and "START sql table model" in log.read_text(encoding="utf-8")):
            assert building.poll() is None
            time.sleep(0.05)
        os.killpg(building.pid, signal.SIGINT)
        message = building.communicate()[1].decode()
    assert building.returncode == 130
    assert "Interrupted" in message
    assert "Traceback" not in message
    assert database.read_bytes() == before
    assert not (copy_of_study / ".next").exists()
    assert "up to date" in succeed(copy_of_study, "status")
