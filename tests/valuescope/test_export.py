"""`valuescope export`: the marts and the long table as files."""

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pyreadstat
import pytest

from tests.valuescope.conftest import COUNTRIES, QUESTIONS, fail, run, succeed, write_survey
from valuescope.warehouse.tables.marts import described_marts

MARTS = {mart.name: mart for mart in described_marts()}


def index(folder: Path) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((folder / "datapackage.json").read_text())
    return described


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def exported(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "new" / "folder"
    finished = run(study, "export", str(folder))
    assert finished.returncode == 0
    assert finished.stdout == b""
    assert f"Wrote {len(MARTS) + 1} tables" in finished.stderr.decode()
    assert re.search("Without rows: .*cmp_base_chat", finished.stderr.decode())
    return folder


def test_every_mart_is_a_file_with_all_its_rows_in_the_order_of_its_grain(
    study: Path, exported: Path
) -> None:
    with duckdb.connect(str(study / "valuescope.duckdb"), read_only=True) as connection:
        for name, mart in MARTS.items():
            rows = connection.sql(f"from marts.{name} order by {', '.join(mart.grain)}")
            written = pq.read_table(exported / f"{name}.parquet")
            names = [column.name for column in mart.columns]
            assert written.column_names == names
            assert written.to_pylist() == rows.select(*names).to_arrow_table().to_pylist(), name


def test_the_same_warehouse_gives_the_same_bytes(
    study: Path, exported: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(study, copy)
    succeed(copy, "export", str(tmp_path / "again"))
    assert contents(tmp_path / "again") == contents(exported)


def test_the_index_tells_what_every_column_is(exported: Path) -> None:
    resources = {resource["name"]: resource for resource in index(exported)["resources"]}
    assert sorted(resources) == sorted([*MARTS, "analysis_cells"])
    for resource in resources.values():
        content = (exported / resource["path"]).read_bytes()
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert resource["bytes"] == len(content)
        assert resource["rows"] == pq.read_metadata(exported / resource["path"]).num_rows
        fields = resource["schema"]["fields"]
        schema = pq.read_schema(exported / resource["path"])
        assert [field["name"] for field in fields] == schema.names
        assert all(field["description"] for field in fields)
    assert resources["dim_runs"]["schema"]["primaryKey"] == ["run_id"]


def test_valuescope_and_the_survey_are_cited(exported: Path) -> None:
    assert "@misc{wvs7," in (exported / "README.md").read_text()
    assert {"@misc{valuescope,", "@misc{wvs7,"} <= set(
        (exported / "citation.bib").read_text().splitlines()
    )
    assert "title: valuescope" in (exported / "CITATION.cff").read_text()
    titles = [source["title"] for source in index(exported)["sources"]]
    assert "World Values Survey wave 7" in titles


def test_chosen_tables_can_be_csv(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    tables = ("--table", "agg_country_correlations", "--table", "dim_runs")
    succeed(study, "export", str(folder), "--format", "csv", *tables)
    assert sorted(contents(folder)) == [
        *("CITATION.cff", "README.md", "agg_country_correlations.csv", "citation.bib"),
        *("datapackage.json", "dim_runs.csv"),
    ]
    with (folder / "agg_country_correlations.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["country_id"] for row in rows] == sorted(COUNTRIES)
    assert {row["is_order_controlled"] for row in rows} == {"false"}
    with duckdb.connect(str(study / "valuescope.duckdb"), read_only=True) as connection:
        expected = connection.execute(
            "select pearson_r from marts.agg_country_correlations order by country_id"
        ).fetchall()
    assert [(float(row["pearson_r"]),) for row in rows] == expected
    with (folder / "dim_runs.csv").open(newline="", encoding="utf-8") as file:
        (run_row,) = csv.DictReader(file)
    assert run_row["started_at"].endswith("Z")
    assert run_row["study_name"] == ""


def test_a_long_table_for_stata_says_which_names_are_shorter(study: Path, tmp_path: Path) -> None:
    tables = ("--table", "analysis_cells", "--table", "agg_model_summary")
    finished = run(study, "export", str(tmp_path), "--format", "dta", *tables)
    said = finished.stderr.decode()
    assert finished.returncode == 0, said
    shorter = "agg_model_summary.demeaned_country_ranking_reliability is "
    assert f"{shorter}demeane_country_ranking_reliabi." in said
    assert shorter in (tmp_path / "README.md").read_text()
    cells, labels = pyreadstat.read_dta(tmp_path / "analysis_cells.dta")
    assert len(cells) == len(COUNTRIES) * len(QUESTIONS)
    assert labels.column_names_to_labels["human_mean_score"] == "People: mean score, -1 to 1"
    assert set(labels.variable_value_labels["country_number"].values()) == set(cells["country"])


def test_files_that_exist_are_replaced_only_when_asked(study: Path, tmp_path: Path) -> None:
    other = tmp_path / "note.txt"
    other.write_text("mine")
    target = tmp_path / "dim_models.parquet"
    target.write_text("mine too")
    message = fail(study, "export", str(tmp_path), "--table", "dim_models")
    assert "already holds dim_models.parquet" in message
    assert "--overwrite" in message
    assert contents(tmp_path) == {"note.txt": b"mine", "dim_models.parquet": b"mine too"}
    succeed(study, "export", str(tmp_path), "--table", "dim_models", "--overwrite")
    assert pq.read_table(target).num_rows == 1
    assert other.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(study: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert "is a file" in fail(study, "export", str(file), "--overwrite")
    assert f"Cannot write to {file / 'in'}" in fail(study, "export", str(file / "in"))


def test_an_unknown_table_is_answered_with_the_nearest(study: Path, tmp_path: Path) -> None:
    assert "did you mean dim_runs" in fail(
        study, "export", str(tmp_path / "x"), "--table", "dim_run"
    )
    assert not (tmp_path / "x").exists()


def test_without_marts_the_next_command_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "No warehouse" in fail(home, "export", str(tmp_path / "x"))
    succeed(home, "ingest", str(write_survey(tmp_path / "answers.csv")))
    assert "valuescope build" in fail(home, "export", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_a_part_of_the_marts_is_written_with_the_others_named(
    copy_of_study: Path, tmp_path: Path
) -> None:
    with duckdb.connect(str(copy_of_study / "valuescope.duckdb")) as connection:
        for kind, name in connection.execute(
            "select 'view', view_name from duckdb_views() where schema_name = 'marts' "
            "union all select 'table', table_name from duckdb_tables() where schema_name = 'marts' "
            "and not (table_name like 'dim_%' or table_name like 'fct_human_%')"
        ).fetchall():
            connection.execute(f"drop {kind} marts.{name}")
    finished = run(copy_of_study, "export", str(tmp_path / "x"))
    assert finished.returncode == 0
    assert "Not built, so not written: agg_category_correlations" in finished.stderr.decode()
    assert not (tmp_path / "x" / "agg_country_correlations.parquet").exists()
    assert "fct_mean_scores is not built yet" in fail(
        copy_of_study, "export", str(tmp_path / "y"), "--table", "fct_mean_scores"
    )
