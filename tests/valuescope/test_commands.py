import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import WITHOUT_TESTS, build_successfully, failing
from tests.valuescope.conftest import (
    COUNTRIES,
    command,
    environment,
    fail,
    run,
    run_apart,
    succeed,
    write_survey,
)
from valuescope.warehouse.home import CLONE, DBT_PROJECT, Home
from valuescope.warehouse.tables.build import BuildSummary, comparable_build, earlier_build

COMMANDS = (
    *(
        "demo",
        "ingest",
        "doctor",
        "score",
        "build",
        "report",
        "sql",
        "export",
        "status",
        "forget",
        "prompt",
    ),
    "models",
)
SCORE = (
    *("score", "--model", "smollm2-135m-instruct", "--answer", "label"),
    *("--compute", "f32"),
)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_help_lists_every_command_with_a_line(tmp_path: Path) -> None:
    text = succeed(tmp_path, "--help")
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(tmp_path: Path, name: str) -> None:
    text = succeed(tmp_path, name, "--help")
    options = re.findall(r"^  (?:-\w, )?--[\w-]+.*(?:\n   .*)*", text, re.MULTILINE)
    assert options
    for option in options:
        assert len(option.split()) > 2, option


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("frobnicate",), "Commands: demo, ingest"),
        (("ingest",), "FILE"),
        (("ingest", "a.csv", "--sample"), "one of the two"),
        (("score",), "--model"),
        (("build", "--var", "x"), "NAME=VALUE"),
    ],
)
def test_wrong_usage_exits_with_2(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in fail(tmp_path, *arguments, code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ingest", "nowhere.csv"), "nowhere.csv"),
        (("ingest", "LICENSE"), "LICENSE"),
        ((*SCORE, "--countries", "JAP"), "did you mean JPN"),
        ((*SCORE, "--questions", "Q223"), "Unknown question 'Q223'"),
        ((*SCORE, "--categories", "ethical"), "ethical_values"),
        ((*SCORE, "--template", "papers"), "did you mean paper"),
        ((*SCORE, "--coding", "natives"), "did you mean native"),
        (("score", "--model", "smollm2-135m-instrct"), "did you mean smollm2-135m-instruct"),
        (("score", "--model", "nowhere.gguf"), "No such model file"),
        (("score", "--model", "LICENSE"), "llama.cpp cannot load"),
        (("build",), "Nothing to build"),
        (("report",), "valuescope ingest"),
        (("sql", "select 1"), "No warehouse"),
    ],
)
def test_a_problem_is_named_and_exits_with_1(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in fail(tmp_path, *arguments)


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    shown = succeed(tmp_path, "models", "smollm2-135m-instruct")
    whole = re.search(r"^file +(\S+\.gguf)$", shown, re.MULTILINE)
    assert whole
    cut = tmp_path / "cut.gguf"
    with Path(whole.group(1)).open("rb") as file:
        cut.write_bytes(file.read(5_000_000))
    message = fail(tmp_path, "score", "--model", str(cut), "--questions", "Q1")
    assert "cut.gguf: " in message
    assert "SHA-256" in message


def test_homes_stand_side_by_side(study: Path, tmp_path: Path) -> None:
    before = sha256(study / "valuescope.duckdb")
    survey = write_survey(tmp_path / "other.csv", seed=1)
    succeed(tmp_path / "home", "ingest", str(survey))
    assert "other.csv" in succeed(tmp_path / "home", "status")
    assert "other.csv" not in succeed(study, "status")
    assert sha256(study / "valuescope.duckdb") == before


def test_a_file_loaded_twice_changes_nothing_and_a_corrected_one_makes_the_build_stale(
    copy_of_study: Path, tmp_path: Path
) -> None:
    survey = write_survey(tmp_path / "answers.csv")
    before = sha256(copy_of_study / "valuescope.duckdb")
    finished = run(copy_of_study, "ingest", str(survey))
    assert "nothing changed" in finished.stderr.decode()
    assert sha256(copy_of_study / "valuescope.duckdb") == before

    write_survey(survey, seed=8)
    assert "Replaced" in run(copy_of_study, "ingest", str(survey)).stderr.decode()
    assert "out of date" in succeed(copy_of_study, "status")


def test_status_notices_an_instrument_that_was_edited_since_the_build(copy_of_study: Path) -> None:
    assert "up to date" in succeed(copy_of_study, "status")
    survey = copy_of_study / "instrument" / "surveys" / "mine"
    survey.mkdir(parents=True)
    (survey / "questions.csv").write_text("question_id\n")
    text = succeed(copy_of_study, "status")
    assert "out of date: the instrument was edited (mine/questions.csv)" in text


def test_a_build_of_a_part_does_not_pass_for_a_build_of_everything(
    copy_of_study: Path, tmp_path: Path
) -> None:
    run(copy_of_study, "ingest", str(write_survey(tmp_path / "answers.csv", seed=8)))
    succeed(copy_of_study, "build", "--select", "stg_survey_loads")
    assert "surveys were loaded or replaced" in succeed(copy_of_study, "status")


def _edit_database(statement: str) -> Callable[[Path], None]:
    def edit(home: Path) -> None:
        with duckdb.connect(str(home / "valuescope.duckdb")) as connection:
            connection.execute(statement)

    return edit


def _write_a_run_again(home: Path) -> None:
    shard = next(home.glob("landing/*/runs/[!_]*.parquet"))
    run = pq.ParquetFile(shard).read().to_pylist()
    table = pa.Table.from_pylist([run[0] | {"threads": 99}], pq.read_schema(shard))
    pq.write_table(table, shard)


def _write_answers_later(home: Path) -> None:
    shard = next(home.glob("landing/*/choice_log_likelihoods/[!_]*.parquet"))
    later = shard.stat().st_mtime + 1
    os.utime(shard, (later, later))


# The study is built without tests of data.
CHECKED = _edit_database(
    "insert into intermediate.build_record values (true, 'check', 'test.one', 'Got 2 results'),"
    " (true, 'check', 'test.two', '')"
)


def _earlier_build(home: Path) -> BuildSummary | None:
    last = comparable_build(Home(home), {})
    return earlier_build(Home(home), last) if last else None


def test_a_build_has_nothing_to_do_where_nothing_has_changed(copy_of_study: Path) -> None:
    assert _earlier_build(copy_of_study) is None
    CHECKED(copy_of_study)
    before = sha256(copy_of_study / "valuescope.duckdb")
    said = run(copy_of_study, "build").stderr.decode()
    assert re.search(r"last build of \d+ tables for 1 model, whose 2 checks passed", said)
    assert "Warning: test.one: Got 2 results" in said
    assert sha256(copy_of_study / "valuescope.duckdb") == before
    assert comparable_build(Home(copy_of_study), {"minimum_questions": 6}) is None


@pytest.mark.parametrize(
    "change",
    [
        _write_a_run_again,
        _write_answers_later,
        _edit_database("drop table marts.agg_model_summary"),
        _edit_database("update raw.survey_loads set loaded_at = now()"),
        # As any run of dbt's does, of a part or in vain.
        _edit_database("insert into intermediate.build_record values (false, 'code', 'x', 'y')"),
    ],
    ids=["run", "answers", "table", "survey", "dbt"],
)
def test_any_change_is_built(copy_of_study: Path, change: Callable[[Path], None]) -> None:
    CHECKED(copy_of_study)
    assert _earlier_build(copy_of_study) is not None
    change(copy_of_study)
    assert _earlier_build(copy_of_study) is None


def test_new_answers_are_built_and_what_they_do_not_reach_is_kept(copy_of_study: Path) -> None:
    CHECKED(copy_of_study)
    _edit_database("update marts.dim_citations set citation = 'kept'")(copy_of_study)
    shard = next(copy_of_study.glob("landing/*/choice_log_likelihoods/[!_]*.parquet"))
    first, *others = pq.ParquetFile(shard).read().to_pylist()
    answers = pa.Table.from_pylist(
        [first | {"log_likelihood": -0.5}, *others], pq.read_schema(shard)
    )
    pq.write_table(answers, shard)

    said = run(copy_of_study, "build").stderr.decode()
    found = re.search(
        r"Built (\d+) tables for 1 model, kept (\d+) that answers do not change", said
    )
    assert found
    marts = len(list(DBT_PROJECT.glob("models/marts/**/*.sql")))
    assert int(found.group(1)) + int(found.group(2)) == marts
    assert "Warning: test.one: Got 2 results" in said
    with duckdb.connect(str(copy_of_study / "valuescope.duckdb"), read_only=True) as connection:
        citations = connection.execute(
            "select distinct citation from marts.dim_citations"
        ).fetchall()
        cells = connection.execute(
            "select count(*) from marts.fct_choice_probabilities where log_likelihood = -0.5"
        ).fetchall()
    assert citations == [("kept",)]
    assert cells == [(1,)]
    assert "Nothing has changed since the last build" in run(copy_of_study, "build").stderr.decode()


def test_a_failed_build_leaves_the_database_as_it_was(copy_of_study: Path) -> None:
    before = sha256(copy_of_study / "valuescope.duckdb")
    message = fail(copy_of_study, "build", "--var", 'reference_populations={"wvs": "wvs:9:x:y"}')
    assert "wvs:9:x:y" in message
    assert "unchanged" in message
    assert sha256(copy_of_study / "valuescope.duckdb") == before
    assert {path.name for path in copy_of_study.iterdir()}.isdisjoint({".next"})


def test_a_reader_is_not_blocked_by_a_build_nor_blocks_it(copy_of_study: Path) -> None:
    reader = duckdb.connect(str(copy_of_study / "valuescope.duckdb"), read_only=True)
    building = subprocess.Popen(
        command("build", "--select", "+dim_countries"),
        env=environment(copy_of_study),
        cwd=CLONE,
        stderr=subprocess.PIPE,
    )
    answers = 0
    while building.poll() is None:
        assert reader.execute("select count(*) from marts.fct_mean_scores").fetchall() == [(42,)]
        count = "select count(*) from agg_country_correlations"
        answers += b"6" in run_apart(copy_of_study, "sql", count).stdout
        # Asking without a pause would take the build its processor.
        time.sleep(1)
    reader.close()
    assert building.returncode == 0
    assert answers > 0


def test_a_database_held_by_another_process_is_named_with_its_holder(
    copy_of_study: Path, tmp_path: Path
) -> None:
    database = copy_of_study / "valuescope.duckdb"
    hold = (
        f"import duckdb, sys; c = duckdb.connect({str(database)!r}); print(1, flush=True); input()"
    )
    survey = write_survey(tmp_path / "more.csv", seed=2)
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        for arguments in (("sql", "select 1"), ("ingest", str(survey)), ("build",)):
            assert f"process {holder.pid}" in fail(copy_of_study, *arguments)
        holder.communicate(b"\n")
    succeed(copy_of_study, "ingest", str(survey), "--yes")


def test_scoring_can_be_watched_stopped_and_taken_up_again(copy_of_study: Path) -> None:
    score = (
        *SCORE,
        *("--path", "sequence", "--countries", ",".join(COUNTRIES)),
        *("--categories", "social_values"),
    )
    with subprocess.Popen(
        command(*score), env=environment(copy_of_study), cwd=CLONE, stderr=subprocess.PIPE
    ) as scoring:
        while "running" not in succeed(copy_of_study, "status"):
            time.sleep(0.2)
        landed = copy_of_study / "landing" / "schema=1" / "choice_log_likelihoods"
        before = len(list(landed.iterdir()))
        while len(list(landed.iterdir())) < before + 2:
            time.sleep(0.1)
            assert scoring.poll() is None
        # Another process asks while this one scores.
        assert "6" in succeed(
            copy_of_study, "sql", "select count(*) from agg_country_correlations", "--format", "csv"
        )
        scoring.send_signal(signal.SIGINT)
        message = scoring.communicate()[1].decode()
    assert scoring.returncode == 130
    assert "Interrupted" in message
    assert "Traceback" not in message
    assert "interrupted" in succeed(copy_of_study, "status")
    again = run(copy_of_study, *score, "--limit", "1").stderr.decode()
    there = re.search(r"(\d+) were there already", again)
    assert there
    assert int(there.group(1)) >= 7


def test_plain_dbt_builds_the_same_home(copy_of_study: Path) -> None:
    build_successfully(Home(copy_of_study), *WITHOUT_TESTS)
    assert "6" in succeed(copy_of_study, "sql", "select count(*) from agg_country_correlations")


def test_what_a_real_model_said_passes_dbts_tests_of_data(
    study: Path, agreement: AgreementStudy
) -> None:
    assert failing(Home(study), agreement.tests_of_data) == []
