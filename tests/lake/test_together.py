"""Several people at one lake: at once, and when PostgreSQL goes away."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lake.conftest import Lake
from tests.lake.postgresql import Server
from tests.valuescope.conftest import COUNTRIES, QUESTIONS, fail, write_survey

MARGINALS = len(COUNTRIES) * len(QUESTIONS) * 4
# What the questions below ask of.
HUMAN = ("build", "--select", "+fct_human_mean_scores +dim_fieldwork")


def commands(*calls: tuple[str, ...]) -> str:
    """Python that runs commands one after the other, as `valuescope` does."""
    return f"""
import sys
from valuescope.cli import main
for call in {list(calls)!r}:
    sys.argv = ["valuescope", *call]
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise
"""


def raw(lake: Lake, statement: str) -> list[list[int]]:
    """The rows of a query on what is loaded now, also since the last build."""
    script = f"""
import json
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.home import current_home
rows = open_for_reading(current_home(), is_latest=True).execute({statement!r}).fetchall()
print(json.dumps(rows))
"""
    found: list[list[int]] = json.loads(lake.succeed("-c", script))
    return found


@pytest.fixture(scope="module")
def lake(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with one survey, and its human tables built."""
    folder = tmp_path_factory.mktemp("together")
    made = Lake(server, folder / "home", server.create_database("together"))
    made.succeed("lake", "create", str(folder / "rows"))
    made.succeed("ingest", str(write_survey(folder / "first.csv")))
    made.succeed(*HUMAN)
    return made


def test_four_processes_load_and_ask_while_a_build_runs(lake: Lake, tmp_path: Path) -> None:
    """Two load seven surveys, one of them both; two ask. Nothing is lost, twice or half seen."""
    files = [write_survey(tmp_path / f"survey_{n}.csv", seed=n) for n in range(7)]
    question = (
        "select (select count(*) from staging.stg_survey_loads), "
        "(select count(distinct population_id) from fct_human_mean_scores), "
        "(select count(*) from dim_fieldwork)"
    )
    before = lake.ask(question)
    build = lake.start(*HUMAN)
    others = []
    for number in range(2):
        loads = [("ingest", "--yes", str(file)) for file in (*files[number:6:2], files[6])]
        others.append(lake.at(tmp_path / f"home_{number}").start("-c", commands(*loads)))
    asked = ("sql", question, "--format", "csv")
    readers = [lake.start("-c", commands(*[asked] * 8)) for _ in range(2)]
    said = {}
    for process in (*others, *readers, build):
        stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        assert "Traceback" not in stderr
        said[process] = stdout

    lines = [line for reader in readers for line in said[reader].splitlines()]
    answers = [line for line in lines if "count" not in line]
    assert len(answers) == 16
    # What the first build left, until the second is done.
    assert set(answers) <= {before, lake.ask(question)}
    assert raw(
        lake,
        "select count(distinct load_id), count(*), count(distinct (load_id, country_id, "
        "question_id, code)) from raw.human_marginals inner join raw.survey_loads using (load_id) "
        "where file_name like 'survey_%'",
    ) == [[7, 7 * MARGINALS, 7 * MARGINALS]]


def test_two_builds_at_once_are_kept_apart(lake: Lake) -> None:
    hold = """
import sys
from valuescope.warehouse.home import current_home
from valuescope.warehouse.database.lake import build_lock
with build_lock(current_home()):
    print("held", flush=True)
    sys.stdin.read()
"""
    holder = subprocess.Popen(
        lake.python("-c", hold),
        env=lake.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        message = lake.fail(*HUMAN)
        holder.communicate("")
    assert "Another build of the lake host=127.0.0.1" in message
    assert "is running from 127.0.0.1 by values since" in message


def test_a_load_that_is_stopped_leaves_nothing(lake: Lake, tmp_path: Path) -> None:
    file = write_survey(tmp_path / "stopped.csv", seed=99)
    stopped = f"""
import os
from valuescope.ingest.loads import loading
store = loading._store
def stop(*arguments):
    store(*arguments)
    os._exit(9)
loading._store = stop
{commands(("ingest", "--yes", str(file)))}
"""
    loads = "select count(*) from raw.survey_loads"
    before = raw(lake, loads)

    assert lake.run("-c", stopped).returncode == 9

    assert raw(lake, loads) == before
    lake.succeed("ingest", "--yes", str(file))
    assert raw(lake, loads)[0][0] == before[0][0] + 1


class TestPostgresqlGoesAway:
    @pytest.fixture
    def gone(self, server: Server, lake: Lake) -> Iterator[Server]:
        server.stop()
        yield server
        server.start()

    @pytest.mark.parametrize(
        "arguments", [("sql", "select 1"), ("status",), ("build",), ("lake", "tidy")]
    )
    def test_a_server_that_does_not_run_is_named(
        self, lake: Lake, gone: Server, arguments: tuple[str, ...]
    ) -> None:
        message = lake.fail(*arguments)

        assert f"port {gone.port} failed: Connection refused" in message
        assert "See that PostgreSQL runs" in message

    def test_a_build_in_the_middle_fails_and_readers_see_the_last_one(
        self, lake: Lake, server: Server
    ) -> None:
        question = "select count(*) from staging.stg_human_marginals"
        before = lake.ask(question)
        snapshots = "select count(*) from ducklake_snapshot"
        start = int(server.ask("together", snapshots))
        build = lake.start(*HUMAN)
        while int(server.ask("together", snapshots)) < start + 9:
            assert build.poll() is None, build.communicate()
            time.sleep(0.1)
        server.stop()
        try:
            _, stderr = build.communicate(timeout=300)
        finally:
            server.start()

        assert build.returncode == 1
        assert "Traceback" not in stderr
        assert "the warehouse is unchanged" in stderr
        assert lake.ask(question) == before
        assert (
            "already loaded" in lake.succeed("ingest", str(lake.home.parent / "first.csv")).lower()
        )


def test_a_load_in_the_middle_is_taken_back(server: Server, tmp_path: Path) -> None:
    lake = Lake(server, tmp_path / "home", server.create_database("middle"))
    lake.succeed("lake", "create", str(tmp_path / "rows"))
    file = write_survey(tmp_path / "survey.csv")
    waiting = f"""
import sys
from valuescope.ingest.loads import loading
store = loading._store
def wait(*arguments):
    replaced = store(*arguments)
    print("stored", flush=True)
    sys.stdin.read()
    return replaced
loading._store = wait
{commands(("ingest", "--yes", str(file)))}
"""
    load = subprocess.Popen(
        lake.python("-c", waiting),
        env=lake.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert load.stdout is not None
    assert load.stdout.readline() == "stored\n"
    server.stop()
    try:
        _, stderr = load.communicate("")
    finally:
        server.start()

    assert load.returncode == 1
    assert "Traceback" not in stderr
    assert "What was not finished is not in it" in stderr
    assert raw(lake, "select count(*) from raw.human_marginals") == [[0]]
    lake.succeed("ingest", "--yes", str(file))


def test_where_no_lake_has_been_made_the_command_that_makes_one_is_named(
    server: Server, tmp_path: Path
) -> None:
    empty = Lake(server, tmp_path, server.create_database("empty"))

    assert "Make one with `valuescope lake create FOLDER`" in empty.fail("sql", "select 1")


def test_another_folder_for_the_rows_is_refused(lake: Lake, tmp_path: Path) -> None:
    message = lake.fail("lake", "create", str(tmp_path / "other"))

    assert "does not match existing data path" in message


def test_a_database_that_does_not_exist_is_named(server: Server, tmp_path: Path) -> None:
    nowhere = Lake(server, tmp_path, server.address("nowhere"))

    assert 'database "nowhere" does not exist' in nowhere.fail("sql", "select 1")


def test_a_wrong_password_is_named_and_not_repeated(server: Server, tmp_path: Path) -> None:
    wrong = Lake(server, tmp_path, server.address("postgres"), password="wrong-hush")

    message = wrong.fail("sql", "select 1")

    assert "password authentication failed" in message
    assert "wrong-hush" not in message


def test_an_old_postgresql_is_refused(server: Server, tmp_path: Path) -> None:
    lake = Lake(server, tmp_path, server.create_database("old"))
    pretend = "from valuescope.warehouse.database import lake\nlake.OLDEST_POSTGRESQL = 99\n"

    message = lake.fail("-c", pretend + commands(("lake", "create", str(tmp_path / "rows"))))

    assert "DuckLake needs 99 or newer" in message
    assert server.ask("old", "select count(*) from pg_tables where schemaname = 'public'") == "0"


def test_an_environment_without_ducklake_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUESCOPE_LAKE", "host=db")

    message = fail(tmp_path, "sql", "select 1")

    assert "`make lake` installs the two that go together" in message


def test_commands_that_score_name_the_other_environment(server: Server, tmp_path: Path) -> None:
    lake = Lake(server, tmp_path, server.address("postgres"))

    assert "call .venv/bin/valuescope" in lake.fail("score", "--model", "any")
