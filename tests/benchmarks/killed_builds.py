"""Kill commands that replace the database at random instants, while others read and write it.

`python -m tests.benchmarks.killed_builds SWAPS BUILDS` kills so many commands that only add a row,
and so many builds: the command, its dbt, or both, on a home with a survey and a few answers. Eight
readers and a plain writer, which opens, commits and closes as dbt does, go on all the while. After
each kill the database must open and hold the state before or after, with every row that the writer
was told is committed; dbt must be gone, and nothing be left once the next command has run.
"""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb

from tests.dbt_project.study import (
    add_load,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read_instrument,
)
from valuescope.warehouse.database.connections import (
    open_for_reading,
    open_for_writing,
    replacement_copy,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home

READERS = 8
_BUILT = "+stg_choice_log_likelihoods +fct_human_mean_scores"
_HELD = "is locked by"
_FORK = multiprocessing.get_context("fork")


def add_row(home: Home) -> None:
    """Add a row to `ours`, as a command that replaces the database does."""
    with replacement_copy(home) as working, open_for_writing(working) as connection:
        connection.execute("insert into ours select count(*) + 1 from ours")


def count(home: Home, table: str) -> int:
    """Return the rows of a table; wait for a writer that has the file."""
    while True:
        try:
            with open_for_reading(home) as connection:
                return int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])
        except ValuescopeError as error:
            if _HELD not in str(error):
                raise
            time.sleep(0.01)


def write_plainly(home: Home, is_over: Event, told: Path) -> None:
    """Insert row after row into the file itself, and note each that is committed."""
    number = 0
    with told.open("w") as notes:
        while not is_over.is_set():
            try:
                with duckdb.connect(str(home.database)) as connection:
                    connection.execute("insert into theirs values (?)", [number + 1])
                number += 1
                notes.write(f"{number}\n")
                notes.flush()
            except duckdb.IOException as error:
                # Somebody reads or copies the file at the moment.
                if "Could not set lock" not in str(error):
                    raise
            time.sleep(random.uniform(0.02, 0.3))


def read_all_the_time(home: Home, is_over: Event) -> None:
    """See that rows that were there stay there."""
    seen = 0
    while not is_over.is_set():
        rows = count(home, "theirs")
        assert rows >= seen, f"{seen} rows were there, and now {rows}"
        seen = rows
        time.sleep(random.uniform(0.1, 2))


def kill_swap(home: Home, seconds: float, outcomes: Counter[str]) -> None:
    """Kill a command that adds a row at some instant of the `seconds` that it takes."""
    before = count(home, "ours")
    command = _FORK.Process(target=_quietly, args=(add_row, home))
    command.start()
    time.sleep(random.uniform(0, seconds))
    command.kill()
    command.join()
    added = count(home, "ours") - before
    assert added in (0, 1), f"{added} rows by one command"
    outcomes[f"swap, killed {'after' if added else 'before'} it"] += 1


def seconds_of(action: Callable[[Home], None], home: Home) -> float:
    """Return how long an action takes beside the others, or until it gives way to them."""
    started = time.monotonic()
    command = _FORK.Process(target=_quietly, args=(action, home))
    command.start()
    command.join()
    return time.monotonic() - started


def _quietly(action: Callable[[Home], None], home: Home) -> None:
    try:
        action(home)
    except ValuescopeError as error:
        if _HELD not in str(error) and "Another program changed" not in str(error):
            raise


def kill_build(home: Home, seconds: float, number: int, outcomes: Counter[str]) -> None:
    """Kill a build, its dbt or both, at some instant of the `seconds` that it takes."""
    before = count(home, "staging.stg_choice_log_likelihoods")
    is_incremental = number % 2 == 0
    if is_incremental:
        land(home, f"run{number}", f"model{number}")
    victim = ("command", "dbt", "both")[number % 3]
    build = start_build(home)
    time.sleep(random.uniform(0, seconds))
    children = children_of(build.pid)
    is_over = build.poll() is not None
    killed = {"command": [build.pid], "dbt": children, "both": [build.pid, *children]}
    for process in killed[victim]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    build.communicate()
    deadline = time.monotonic() + 30
    while any(map(is_running, children)):
        assert time.monotonic() < deadline, f"dbt outlives its command: {children}"
        time.sleep(0.05)
    rows = count(home, "staging.stg_choice_log_likelihoods")
    landed = 3 * len(list((home.landing / "models").glob("model*.parquet")))
    assert rows in (before, landed), f"{rows} rows, which is neither {before} nor {landed}"
    kind = "incremental" if is_incremental else "plain"
    outcomes[f"{kind} build, {'over by itself' if is_over else f'{victim} killed'}"] += 1


def start_build(home: Home) -> subprocess.Popen[bytes]:
    """Start `valuescope build` of a part."""
    return subprocess.Popen(
        [sys.executable, "-m", "valuescope", "build", "--select", _BUILT],
        env=os.environ | {"VALUESCOPE_HOME": str(home.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def children_of(process: int) -> list[int]:
    """Return the processes that a process has started."""
    found = subprocess.run(
        ["pgrep", "-P", str(process)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in found.stdout.split()]


def is_running(process: int) -> bool:
    """Return whether a process runs, and is not merely waiting to be forgotten."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return bool(listed.stdout.strip()) and not listed.stdout.startswith("Z")


def land(home: Home, run_id: str, model_id: str) -> None:
    """Land one answer of a model."""
    land_model(home, model_id)
    land_run(home, run_id, model_id, "p")
    cell = {"model_id": model_id, "prompt_id": "p", "run_id": run_id, "question_id": "Q1"}
    land_cells(home, [({**cell, "country_id": "JPN"}, [-1.0, -2.0, -3.0])], f"{run_id}.parquet")


def leftovers(home: Home) -> list[str]:
    """Return what is in the home and should not be."""
    known = {"valuescope.duckdb", "valuescope.lock", "landing", "dbt"}
    return sorted({path.name for path in home.path.iterdir()} - known)


def kill(home: Home, swaps: int, builds: int, seconds: float) -> Counter[str]:
    """Kill commands while others read and write; return how they ended."""
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create table ours (number integer)")
        connection.execute("create table theirs (number integer)")
    is_over, told = _FORK.Event(), home.path.parent / "told"
    writer = _FORK.Process(target=write_plainly, args=(home, is_over, told))
    readers = [
        _FORK.Process(target=read_all_the_time, args=(home, is_over)) for _ in range(READERS)
    ]
    for process in (writer, *readers):
        process.start()
    outcomes: Counter[str] = Counter()
    try:
        swap_seconds = max(seconds_of(add_row, home) for _ in range(3))
        for _ in range(swaps):
            kill_swap(home, 1.2 * swap_seconds, outcomes)
        for number in range(builds):
            kill_build(home, seconds, number, outcomes)
            sys.stderr.write(f"{number + 1} builds killed: {dict(outcomes)}\n")
    finally:
        is_over.set()
        for process in (writer, *readers):
            process.join()
    assert [process.exitcode for process in (writer, *readers)] == [0] * (1 + READERS)
    committed = len(told.read_text().splitlines())
    assert count(home, "theirs") == committed, f"{committed} rows were committed"
    assert count(home, "ours") == count(home, "(select distinct number from ours)")
    outcomes["rows of the plain writer, all there"] = committed
    add_row(home)
    assert leftovers(home) == []
    return outcomes


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        study = Home(Path(folder) / "home")
        add_load(study, "people", random_counts(read_instrument(), ["Q1"], ["JPN"], seed=1))
        land_design(study, "p")
        land(study, "run", "model")
        takes = 0.0
        if int(sys.argv[2]):
            start_build(study).communicate()
            started = time.monotonic()
            undisturbed = start_build(study)
            problem = undisturbed.communicate()[1].decode()
            assert undisturbed.returncode == 0, problem
            takes = time.monotonic() - started
        for outcome, times in kill(study, int(sys.argv[1]), int(sys.argv[2]), takes).items():
            sys.stdout.write(f"{outcome}: {times}\n")
