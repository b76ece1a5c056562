"""The cultural map: people, the model's places, and what is shown where there is no map."""

import duckdb
import pytest

from tests.dbt_project.map_study import COUNTRIES, NOT_ASKED, PEOPLE
from tests.reports.exhibits.pictures import marks
from valuescope.reports.exhibits.culture import EXHIBITS, cultural_map
from valuescope.reports.exhibits.exhibit import Row
from valuescope.reports.terminal.summary import Design

(MAP,) = EXHIBITS


def rows_of(connection: duckdb.DuckDBPyConnection, model_id: str, prompt_id: str) -> list[Row]:
    chosen: dict[str, str | None] = {
        "model_id": model_id,
        "prompt_id": prompt_id,
        "population_id": PEOPLE,
    }
    return MAP.rows(connection, chosen)


def test_a_model_that_copies_people_stands_on_them(mapped: duckdb.DuckDBPyConnection) -> None:
    rows = {row["country_id"]: row for row in rows_of(mapped, "copy", "native")}
    assert set(rows) == {*COUNTRIES, NOT_ASKED}
    for country in COUNTRIES:
        row = rows[country]
        for axis in ("self_expression", "secular_rational"):
            assert row[f"llm_{axis}"] == pytest.approx(row[f"human_{axis}"], abs=0.05)
            assert 0 < row[f"human_{axis}_standard_error"] < 0.2
    assert rows[NOT_ASKED]["human_null_reason"] == "indicator_not_asked"
    assert rows[NOT_ASKED]["human_self_expression"] is None


def test_only_the_reference_population_is_on_the_map(mapped: duckdb.DuckDBPyConnection) -> None:
    """Men and women have places of their own in the mart."""
    rows = rows_of(mapped, "copy", "native")
    assert len({row["country_id"] for row in rows}) == len(rows)


def test_a_design_without_a_place_leaves_people_and_says_why(
    mapped: duckdb.DuckDBPyConnection,
) -> None:
    for model_id, prompt_id, reason in (
        ("forgetful", "native", "question_not_scored"),
        ("copy", "folded", "not_native_coding"),
    ):
        rows = rows_of(mapped, model_id, prompt_id)
        asked = [row for row in rows if row["country_id"] != NOT_ASKED]
        assert len(asked) == len(COUNTRIES)
        assert {row["llm_null_reason"] for row in asked} == {reason}
        (points,) = marks(cultural_map(), rows, "symbol")
        assert len(points) == len(COUNTRIES)


def test_without_respondents_there_is_nothing(
    built: duckdb.DuckDBPyConnection, found: dict[str, Design]
) -> None:
    for design in found.values():
        assert MAP.rows(built, design.parameters) == []


def test_people_and_model_are_joined_and_people_have_error_bars(
    mapped: duckdb.DuckDBPyConnection,
) -> None:
    rows = rows_of(mapped, "japan-everywhere", "native")
    people, model = marks(cultural_map(), rows, "symbol")
    joined, across, up = marks(cultural_map(), rows, "rule")
    count = len(COUNTRIES)
    assert [len(layer) for layer in (people, joined, across, up)] == [count] * 4
    # Without a country in the prompt, too.
    assert len(model) == count + 1
    assert len({(mark.x, mark.y) for mark in model}) == 1
    assert len({(mark.x, mark.y) for mark in people}) == count


def test_names_stand_at_people_and_at_what_has_no_people(
    mapped: duckdb.DuckDBPyConnection,
) -> None:
    rows = rows_of(mapped, "japan-everywhere", "native")
    people, others = marks(cultural_map(), rows, "text")
    assert {mark.text for mark in people} == {
        row["country_name"] for row in rows if row["human_self_expression"] is not None
    }
    assert [mark.text for mark in others] == ["No country named"]


def _place(number: int) -> Row:
    return {
        "country_id": f"C{number:02}",
        "country_name": f"A country of a long name, number {number}",
        "human_self_expression": number / 10,
        "human_secular_rational": -number / 10,
        "human_self_expression_standard_error": None,
        "human_secular_rational_standard_error": None,
        "llm_self_expression": 0.5,
        "llm_secular_rational": 0.5,
    }


def test_many_countries_are_told_by_their_codes() -> None:
    rows = [_place(number) for number in range(66)]
    (names,) = marks(cultural_map(), rows, "text")
    assert {mark.text for mark in names} == {row["country_id"] for row in rows}


def test_an_error_bar_reaches_two_standard_errors_to_each_side() -> None:
    rows = [
        _place(0) | {"human_self_expression_standard_error": 1 / 1.96},
        _place(10),
    ]
    people = sorted(mark.x for mark in marks(cultural_map(), rows, "symbol")[0])
    (bar,) = marks(cultural_map(), rows, "rule")[1]
    scale = people[1] - people[0]
    assert bar.x == pytest.approx(people[0] - scale)
    assert float(bar.attributes["x2"]) == pytest.approx(2 * scale)
