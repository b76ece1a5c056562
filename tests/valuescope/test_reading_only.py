import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.valuescope.conftest import command, environment, fail, succeed
from valuescope.warehouse.home import CLONE


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to 'written.csv'",
        "create table marts.extra as select 1",
        "create temp table extra as select 1",
        "insert into raw.survey_loads select * from raw.survey_loads",
        "insert into raw.survey_loads select * from raw.survey_loads returning *",
        "update raw.human_marginals set code = 0",
        "delete from raw.human_marginals",
        "attach 'written.duckdb' as other",
        "export database 'written'",
    ],
)
def test_a_statement_that_writes_is_refused(study: Path, statement: str) -> None:
    before = hashlib.sha256((study / "valuescope.duckdb").read_bytes()).hexdigest()
    assert "read-only" in fail(study, "sql", statement)
    assert hashlib.sha256((study / "valuescope.duckdb").read_bytes()).hexdigest() == before
    assert not list(CLONE.glob("written*"))


@pytest.mark.parametrize(
    "statement", ["select 1; select 2", "select 1; drop table x", "", "/* nothing */"]
)
def test_one_statement_is_asked_at_a_time(study: Path, statement: str) -> None:
    assert "where one is expected" in fail(study, "sql", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "from fct_mean_scores limit 1",
        "describe fct_mean_scores",
        "show tables",
        "explain select 1",
        "pivot dim_countries on continent using count(*)",
        "with one as (select 1) select * from one;",
    ],
)
def test_everything_that_reads_is_answered(study: Path, statement: str) -> None:
    assert succeed(study, "sql", statement, "--format", "csv").count("\n") > 1


def test_a_reader_that_has_seen_enough_is_no_error(study: Path) -> None:
    with subprocess.Popen(
        command("sql", "select range as n from range(300000)", "--format", "csv"),
        env=environment(study),
        cwd=CLONE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as asking:
        assert asking.stdout
        assert asking.stderr
        assert asking.stdout.readline() == b"n\n"
        asking.stdout.close()
        assert asking.stderr.read() == b""
    assert asking.returncode == 0


@pytest.mark.parametrize(
    ("target", "message"),
    [("nowhere/r.csv", "Cannot write"), ("r.xlsx", "names no format"), ("r.table", "terminal")],
)
def test_an_output_that_cannot_be_written_is_named(
    study: Path, tmp_path: Path, target: str, message: str
) -> None:
    path = tmp_path / target
    text = fail(study, "sql", "select 1", "--output", str(path))
    assert message in text
    assert str(path) in text
