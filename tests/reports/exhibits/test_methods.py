"""What the numbers rest on: files, runs, prompts, exclusions, citations."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from valuescope.reports.exhibits.exhibit import Exhibit, Row
from valuescope.reports.exhibits.methods import EXHIBITS

BY_ID = {exhibit.exhibit_id: exhibit for exhibit in EXHIBITS}


def rows(connection: duckdb.DuckDBPyConnection, exhibit_id: str) -> list[Row]:
    exhibit: Exhibit = BY_ID[exhibit_id]
    assert exhibit.parameters == (), "methods are the same whatever was chosen"
    return exhibit.rows(connection, {})


def value(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    return connection.execute(sql).fetchall()[0][0]


def test_every_model_file_stands_with_its_hash_and_what_scored_it(
    paired: duckdb.DuckDBPyConnection,
) -> None:
    shown = rows(paired, "files_and_hashes")
    assert {row["sha256"] for row in shown} == {
        *("smollm2-135m-instruct-Q8_0", "smollm2-360m-Q8_0", "smollm2-360m-instruct-Q8_0"),
        *("smollm2-360m-instruct-Q4_K_M", "llama-2-7b-Q8_0", "people-F16"),
    }
    assert {(row["engine_version"], row["valuescope_version"]) for row in shown} == {("0", "0")}
    assert sum(row["run_count"] for row in shown) == 18
    assert sum(row["cells_scored"] for row in shown) == value(
        paired, "select sum(cells_scored) from marts.dim_runs"
    )


def test_runs_of_other_numerics_are_rows_of_their_own(
    copied: duckdb.DuckDBPyConnection,
) -> None:
    before = len(rows(copied, "files_and_hashes"))
    copied.execute(
        "update marts.dim_runs set compute_type = 'f32', numerics_id = 'n2' "
        "where run_id = 'guessing-paper'"
    )
    assert len(rows(copied, "files_and_hashes")) == before + 1


def test_the_files_of_the_people_compared_with_are_named_and_no_others(
    built: duckdb.DuckDBPyConnection,
) -> None:
    """The study's unweighted load is of another population."""
    shown = rows(built, "survey_files")
    assert [row["file_name"] for row in shown] == ["correction.csv", "counts.csv", "shares.csv"]
    assert {row["population_id"] for row in shown} == {"wvs:7:within_country:all"}
    assert {(row["first_year"], row["last_year"]) for row in shown} == {(2017, 2019)}
    by_file = {row["file_name"]: row["country_count"] for row in shown}
    assert by_file["correction.csv"] == 2
    assert by_file["shares.csv"] == 3


def test_every_design_stands_with_its_template(paired: duckdb.DuckDBPyConnection) -> None:
    shown = rows(paired, "prompts")
    assert len(shown) == 6
    assert {row["template_text"] for row in shown} == {"{question}"}
    assert sum(row["is_derived"] for row in shown) == 2


@pytest.fixture
def copied(agreement: AgreementStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    """What runs and models are in the study, to be changed."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{agreement.home.database}' as built (read_only)")
        connection.execute("create schema marts")
        for name in ("dim_runs", "dim_models", "dim_prompts"):
            connection.execute(f"create table marts.{name} as from built.marts.{name}")
        connection.execute("detach built")
        yield connection


def test_a_run_that_fell_short_of_its_plan_comes_first(copied: duckdb.DuckDBPyConnection) -> None:
    copied.execute(
        "update marts.dim_runs set cells_planned = 100, cells_already_done = 30, "
        "cells_scored = 50, path_difference = 0.25, study_name = 'mine' "
        "where run_id = 'knowing-native'"
    )
    copied.execute(
        "update marts.dim_runs set status = 'interrupted', cells_planned = 9, cells_scored = 8 "
        "where run_id = 'uniform-native'"
    )
    shown = rows(copied, "deviations")
    assert [row["run_id"] for row in shown[:2]] == ["uniform-native", "knowing-native"]
    assert [row["cells_missing"] for row in shown] == [1, 20, *[0] * (len(shown) - 2)]
    assert (shown[1]["path_difference"], shown[1]["study_name"]) == (0.25, "mine")


def test_times_are_those_of_greenwich_wherever_a_report_is_made(
    copied: duckdb.DuckDBPyConnection,
) -> None:
    shown = []
    for zone in ("Asia/Tokyo", "America/Lima"):
        copied.execute(f"set timezone = '{zone}'")
        shown.append([row["started_at_utc"] for row in rows(copied, "deviations")])
    assert shown[0] == shown[1]
    assert set(shown[0]) == {"2026-01-01 00:00"}


def test_questions_without_a_mean_score_are_left_out_with_the_reason(
    built: duckdb.DuckDBPyConnection,
) -> None:
    reasons = {row["question_id"]: row["excluded_because"] for row in rows(built, "excluded")}
    assert reasons["Q152"] == "nominal_scale"
    assert reasons["Q91"] == "knowledge_question"
    assert reasons["Q7"] == "no people's answers loaded"
    assert reasons["Q119"] is None, "kept, with a code outside its scale"


def test_every_cell_is_compared_or_has_a_reason(built: duckdb.DuckDBPyConnection) -> None:
    shown = rows(built, "missing_cells")
    assert sum(row["cells"] for row in shown) == value(
        built, "select count(*) from marts.fct_mean_scores"
    )
    compared = sum(row["cells"] for row in shown if row["outcome"] == "compared")
    assert compared == value(
        built,
        "select count(*) from marts.fct_mean_scores "
        "where llm_mean_score is not null and human_mean_score is not null",
    )


def test_the_survey_that_is_loaded_is_cited_with_bibtex(built: duckdb.DuckDBPyConnection) -> None:
    shown = rows(built, "citations")
    assert {row["survey_name"] for row in shown} == {"World Values Survey"}
    assert all(row["bibtex"].startswith("@misc{") for row in shown)
    assert any("10.14281/18241.24" in row["citation"] for row in shown)
