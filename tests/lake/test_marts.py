"""A laptop's warehouse that moved into a lake: the same tables there, and back on a laptop."""

import json
import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.lake.conftest import PYTHON, Lake
from tests.lake.postgresql import PASSWORD
from tests.valuescope.conftest import succeed, write_survey
from valuescope.warehouse.home import CLONE, Home


def test_all_tables_are_those_of_the_file(lake: Lake, file_home: Home) -> None:
    finished = subprocess.run(
        [str(PYTHON), "-m", "tests.lake.compare", str(file_home.database)],
        env=lake.environment,
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    tables = json.loads(finished.stdout)

    assert {"marts.fct_choice_probabilities", "marts.agg_model_summary"} <= tables.keys()
    for name, found in tables.items():
        assert found["rows"][0] == found["rows"][1], name
        assert found["differing"] == [], name
        assert found["largest"] <= 1e-12, name


def test_commands_say_the_same_as_on_a_file(lake: Lake, file_home: Home) -> None:
    assert "Built and up to date: the lake host=127.0.0.1" in lake.succeed("status")
    statement = "select model_id, country_id, round(pearson_r, 9) from agg_country_correlations"
    question = ("sql", f"{statement} order by all", "--format", "csv")
    assert lake.run(*question).stdout == succeed(file_home.path, *question)


def test_pushing_again_changes_nothing(lake: Lake) -> None:
    assert "Copied 0 loads with 0 marginals" in lake.succeed("lake", "push")


def test_a_build_that_would_drop_the_answers_of_others_is_refused(
    lake: Lake, tmp_path: Path
) -> None:
    message = lake.at(tmp_path).fail("build")

    assert "The lake host=127.0.0.1" in message
    assert (
        f"holds answers of 6 models and prompts that {tmp_path}/landing/schema=1 lacks" in message
    )
    assert "valuescope land" in message


@pytest.fixture(scope="module")
def laptop(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose file is a copy of the lake."""
    home = tmp_path_factory.mktemp("laptop")
    lake.at(home).succeed("lake", "pull")
    return home


class TestPulling:
    def test_a_laptop_reads_the_copy_as_its_own(
        self, laptop: Path, lake: Lake, file_home: Home
    ) -> None:
        tables = "from information_schema.tables where table_schema in ('raw', 'marts')"
        with (
            duckdb.connect(str(Home(laptop).database), read_only=True) as ours,
            duckdb.connect(str(file_home.database), read_only=True) as theirs,
        ):
            for question in (
                f"select table_schema, table_name {tables} order by all",
                "select * from marts.agg_country_correlations order by all",
                "select * from raw.human_marginals order by all",
            ):
                assert len(ours.execute(question).fetchall()) == len(
                    theirs.execute(question).fetchall()
                )
        assert "agg_country_correlations" in succeed(
            laptop, "sql", "select table_name from information_schema.tables", "--format", "csv"
        )

    def test_surveys_that_only_the_file_has_are_not_lost(
        self, laptop: Path, lake: Lake, tmp_path: Path
    ) -> None:
        succeed(laptop, "ingest", "--yes", str(write_survey(tmp_path / "mine.csv")))
        before = Home(laptop).database.read_bytes()

        message = lake.at(laptop).fail("lake", "pull")

        assert "holds 1 load that the last build of the shared warehouse lacks" in message
        assert "mine.csv" in message
        assert Home(laptop).database.read_bytes() == before


def test_the_password_is_written_nowhere(lake: Lake) -> None:
    files = [path for path in lake.home.parent.rglob("*") if path.is_file()]

    assert any(path.name == "dbt.log" for path in files)
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
