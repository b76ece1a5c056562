"""`valuescope export --replication` and `valuescope replicate`, as users meet them."""

import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.valuescope.conftest import fail, run, succeed, write_survey
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.build_record import landing_state

RAW = ("human_marginals", "survey_fieldwork")


def export(home: Path, folder: Path, *options: str) -> Path:
    succeed(home, "export", "--replication", str(folder), *options)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def package(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(study, tmp_path_factory.mktemp("packed") / "package")


def test_the_same_home_gives_the_same_bytes(study: Path, package: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(study, tmp_path / "elsewhere")
    assert contents(export(elsewhere, tmp_path / "again")) == contents(package)


def test_a_package_says_what_it_holds_and_what_not(study: Path, package: Path) -> None:
    page = (package / "README.md").read_text()
    model_id = next((package / "landing" / "schema=1" / "models").iterdir()).stem
    answers = (study.parent / "answers.csv").read_bytes()
    for told in (
        "respondents: valuescope stores none",
        f"`{model_id}`",
        "licence of the weights: apache-2.0",
        "`valuescope ingest answers.csv --wave 7`",
        f"{len(answers):,} bytes",
        "--without-survey",
        "@misc{wvs7,",
    ):
        assert told in page
    assert "instrument/" not in page
    assert "@misc{wvs7," in (package / "citation.bib").read_text()
    assert "title: valuescope" in (package / "CITATION.cff").read_text()
    assert str(study) not in "".join(
        path.read_text() for path in package.rglob("*") if path.suffix in (".md", ".json")
    )


def test_the_users_instrument_is_packed_and_told_of(copy_of_study: Path, tmp_path: Path) -> None:
    words = Home(copy_of_study).wordings / "deutsch" / "set.toml"
    words.parent.mkdir(parents=True)
    words.write_text("language = 'de'")
    folder = export(copy_of_study, tmp_path / "package")
    assert (folder / "instrument" / "wordings" / "deutsch" / "set.toml").exists()
    assert "`instrument/`: wordings beside valuescope's own" in (folder / "README.md").read_text()


def test_a_filled_home_can_be_scored_further_without_scoring_again(
    package: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    finished = run(home, "replicate", str(package))
    assert finished.returncode == 0
    assert finished.stdout == b""
    assert "Next: valuescope build" in finished.stderr.decode()
    text = succeed(home, "status")
    assert "answers.csv" in text
    assert "finished" in text
    assert "valuescope build" in text


def test_without_the_survey_its_file_is_asked_for_and_brings_the_same_rows(
    study: Path, tmp_path: Path
) -> None:
    folder = export(study, tmp_path / "package", "--without-survey")
    home = tmp_path / "home"
    message = run(home, "replicate", str(folder)).stderr.decode()
    command = re.search(r"valuescope (ingest) (answers\.csv) (.*)$", message, re.MULTILINE)
    assert command is not None
    # A database that is not this study's: the file is still to be loaded.
    shutil.copy(study / "valuescope.duckdb", home)
    with duckdb.connect(str(Home(home).database)) as connection:
        connection.execute("delete from raw.survey_loads")
    assert "is not loaded" in fail(home, "replicate", str(folder), "--check")
    Home(home).database.unlink()

    succeed(home, "ingest", str(study.parent / "answers.csv"), *command.group(3).split())
    rows = []
    for home_path in (study, home):
        with duckdb.connect(str(Home(home_path).database), read_only=True) as connection:
            rows.append([connection.sql(f"from raw.{table}").fetchall() for table in RAW])
            rows[-1].append(
                connection.sql("select * exclude (loaded_at) from raw.survey_loads").fetchall()
            )
    assert rows[0] == rows[1]


def test_a_check_without_tables_looks_at_files_only(package: Path, tmp_path: Path) -> None:
    finished = run(tmp_path / "home", "replicate", str(package), "--check")
    assert finished.returncode == 0
    assert "no tables are compared" in finished.stderr.decode()
    assert not (tmp_path / "home").exists()


def test_a_tampered_package_fills_nothing(package: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(package, tmp_path / "changed")
    (changed / "README.md").write_text("another")
    assert "README.md was changed" in fail(tmp_path / "home", "replicate", str(changed))
    assert not (tmp_path / "home").exists()


def test_a_package_of_other_code_is_filled_with_a_warning(package: Path, tmp_path: Path) -> None:
    other = shutil.copytree(package, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest.update(valuescope_version="9.9", code_sha256="another")
    manifest["seeds"]["seeds/choices.csv"] = "another"
    (other / "manifest.json").write_text(json.dumps(manifest))
    message = run(tmp_path / "home", "replicate", str(other)).stderr.decode()
    assert "valuescope 9.9" in message
    assert "the SQL and Python of dbt_project, seeds/choices.csv" in message


def test_a_home_that_holds_something_is_left_alone(study: Path, package: Path) -> None:
    before = Home(study).database.read_bytes()
    assert "already holds" in fail(study, "replicate", str(package))
    assert Home(study).database.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--without-survey",), "is for --replication"),
        (("--replication", "--table", "dim_runs"), "leave --table"),
        (("--replication", "--overwrite"), "leave --table"),
        (("--replication", "--format", "parquet"), "leave --table"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in fail(tmp_path, "export", str(tmp_path / "x"), *options, code=2)


def test_a_folder_that_holds_something_is_left_alone(study: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    assert "already holds something" in fail(study, "export", "--replication", str(tmp_path))
    assert "is a file" in fail(study, "export", "--replication", str(tmp_path / "note.txt"))
    inside = tmp_path / "note.txt" / "package"
    assert "Cannot write" in fail(study, "export", "--replication", str(inside))
    assert contents(tmp_path) == {"note.txt": b"mine"}


def test_nothing_is_packed_before_there_are_tables(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "No warehouse" in fail(home, "export", "--replication", str(tmp_path / "x"))
    succeed(home, "ingest", str(write_survey(tmp_path / "answers.csv")))
    assert "not built yet" in fail(home, "export", "--replication", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_tables_that_are_out_of_date_are_not_packed(copy_of_study: Path, tmp_path: Path) -> None:
    folder = ("export", "--replication", str(tmp_path / "x"))
    (runs,) = (copy_of_study / "landing" / "schema=1" / "choice_log_likelihoods").glob("[!_]*")
    runs.rename(tmp_path / "kept")
    assert "no longer in the landing zone" in fail(copy_of_study, *folder)
    (tmp_path / "kept").rename(runs)
    succeed(copy_of_study, "ingest", "--yes", str(write_survey(tmp_path / "more.csv", seed=8)))
    assert "surveys were loaded" in fail(copy_of_study, *folder)
    assert not (tmp_path / "x").exists()


def test_people_alone_can_be_packed_and_models_alone(copy_of_study: Path, tmp_path: Path) -> None:
    """As if built without the other side; the record says what a build read."""
    database = str(Home(copy_of_study).database)
    scores = copy_of_study / "landing" / "schema=1" / "choice_log_likelihoods"
    state = (
        "update intermediate.build_record set content = ? where input = 'choice_log_likelihoods'"
    )
    before = landing_state(Home(copy_of_study), "choice_log_likelihoods")
    shutil.move(scores, tmp_path / "scores")
    with duckdb.connect(database) as connection:
        now = landing_state(Home(copy_of_study), "choice_log_likelihoods")
        connection.execute(state, [now])
        connection.execute("delete from intermediate.build_record where kind = 'landed_design'")
        connection.execute("delete from marts.dim_models")
    finished = run(copy_of_study, "export", "--replication", str(tmp_path / "people"))
    assert "No model is scored" in finished.stderr.decode()
    assert "Nothing to pack" in fail(
        copy_of_study, "export", "--replication", str(tmp_path / "none"), "--without-survey"
    )
    assert not (tmp_path / "none").exists()

    shutil.move(tmp_path / "scores", scores)
    with duckdb.connect(database) as connection:
        connection.execute(state, [before])
        connection.execute(
            """
            insert into intermediate.build_record
            select true, 'landed_design', model_id || ' ' || prompt_id, count(*)
            from read_parquet(? || '/*.parquet', hive_partitioning = false) group by all
            """,
            [str(scores)],
        )
        connection.execute("delete from intermediate.build_record where kind = 'survey_load'")
        for table in ("survey_loads", *RAW):
            connection.execute(f"delete from raw.{table}")
    finished = run(copy_of_study, "export", "--replication", str(tmp_path / "models"))
    assert finished.returncode == 0, finished.stderr.decode()
    assert "No survey is loaded" in finished.stderr.decode()
    assert not (tmp_path / "models" / "survey").exists()
    assert "@misc{wvs" not in (tmp_path / "models" / "citation.bib").read_text()


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ('{"question_set": "commonn"}', (), "commonn"),
        ('{"question_set": "common"}', ("--var", "question_set=allll"), "allll"),
        ("[1]", (), "must hold a JSON object"),
        ("{", (), "Cannot read"),
    ],
)
def test_a_build_starts_from_the_variables_of_the_home(
    copy_of_study: Path, content: str, options: tuple[str, ...], message: str
) -> None:
    Home(copy_of_study).variables.write_text(content)
    assert message in fail(copy_of_study, "build", *options)
