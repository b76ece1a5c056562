"""One country: each number against the second calculation, each mark against its row."""

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.dbt_project.agreement_study import NOT_SURVEYED, SPARSE
from tests.reports.exhibits.pictures import axis_labels, marks, warnings
from valuescope.reports.exhibits.agreement import country
from valuescope.reports.exhibits.catalogue import EXHIBITS
from valuescope.reports.terminal.summary import Design

EXHIBIT = {exhibit.exhibit_id: exhibit for exhibit in EXHIBITS}

# What the page's cells have, and no more.
CELL = [
    "country_id",
    "country_name",
    "question_id",
    "short_label",
    "category_id",
    "category_name",
    "llm_mean_score",
    "human_mean_score",
]


@pytest.fixture(scope="module")
def germany(knowing: Design) -> dict[str, str | None]:
    return {**knowing.parameters, "country_id": "DEU", "category_id": "all"}


def question(number: int, people: float, model: float) -> dict[str, Any]:
    return {
        "country_id": "DEU",
        "country_name": "Germany",
        "question_id": f"Q{number}",
        "short_label": f"about {number}",
        "category_id": "a",
        "category_name": "A",
        "llm_mean_score": model,
        "human_mean_score": people,
    }


@pytest.mark.parametrize("exhibit_id", ["country_scatter", "country_gaps"])
def test_a_country_has_all_questions_that_can_be_compared_in_the_order_of_the_questionnaire(
    exhibit_id: str,
    built: duckdb.DuckDBPyConnection,
    germany: dict[str, str | None],
    cells: pd.DataFrame,
) -> None:
    rows = EXHIBIT[exhibit_id].rows(built, germany)
    expected = cells[cells["country_id"] == "DEU"].dropna(subset=["m", "h"])
    assert len(rows) == len(expected) > 40
    assert {row["question_id"]: row["llm_mean_score"] for row in rows} == pytest.approx(
        dict(zip(expected["question_id"], expected["m"], strict=True)), abs=1e-9
    )
    assert {row["question_id"]: row["human_mean_score"] for row in rows} == pytest.approx(
        dict(zip(expected["question_id"], expected["h"], strict=True)), abs=1e-9
    )
    numbers = [int(row["question_id"][1:]) for row in rows]
    assert numbers == sorted(numbers)
    assert list(rows[0]) == CELL


@pytest.mark.parametrize("exhibit_id", ["country_scatter", "country_gaps"])
def test_a_category_leaves_its_questions(
    exhibit_id: str, built: duckdb.DuckDBPyConnection, germany: dict[str, str | None]
) -> None:
    every = EXHIBIT[exhibit_id].rows(built, germany)
    ethical = EXHIBIT[exhibit_id].rows(built, {**germany, "category_id": "ethical_values"})
    assert ethical == [row for row in every if row["category_id"] == "ethical_values"]
    assert {row["question_id"] for row in ethical} == {f"Q{number}" for number in range(177, 192)}


def test_the_scatter_has_a_point_a_question_where_its_two_scores_are(
    built: duckdb.DuckDBPyConnection, germany: dict[str, str | None]
) -> None:
    rows = EXHIBIT["country_scatter"].rows(built, germany)
    (points,) = marks(country.country_scatter(), rows, "symbol")
    assert len(points) == len(rows)
    people = np.array([row["human_mean_score"] for row in rows])
    model = np.array([row["llm_mean_score"] for row in rows])
    across = np.polyfit(people, [point.x for point in points], 1)
    up = np.polyfit(model, [point.y for point in points], 1)
    np.testing.assert_allclose(np.polyval(across, people), [point.x for point in points], atol=1e-3)
    np.testing.assert_allclose(np.polyval(up, model), [point.y for point in points], atol=1e-3)
    # -1 is at the left and the bottom, 1 at the right and the top, whatever the rows.
    assert np.polyval(across, -1) == pytest.approx(0, abs=1e-3)
    assert np.polyval(up, 1) == pytest.approx(0, abs=1e-3)
    assert np.polyval(up, -1) == pytest.approx(400, abs=1e-3)


def test_gaps_are_the_eight_nearest_and_the_eight_farthest_in_order() -> None:
    random = np.random.default_rng(5)
    rows = [question(n, *map(float, random.uniform(-1, 1, 2))) for n in range(40)]
    in_order = sorted(rows, key=lambda row: abs(row["llm_mean_score"] - row["human_mean_score"]))
    shown = [*in_order[:8], *in_order[-8:]]
    (ends,) = marks(country.country_gaps(), rows, "symbol")
    assert len(ends) == 32
    between, ways = marks(country.country_gaps(), rows, "rule")
    assert len(between) == 1
    assert len(ways) == 16
    from_above = sorted(ways, key=lambda mark: mark.y)
    names = [f"{row['question_id']} {row['short_label']}" for row in shown]
    assert [mark.said["question"] for mark in from_above] == names
    assert [mark.said["model minus people"] for mark in from_above] == [
        f"{row['llm_mean_score'] - row['human_mean_score']:+.3f}" for row in shown
    ]
    labels = axis_labels(country.country_gaps(), rows)
    assert [label for label in labels if label.startswith("Q")] == names


@pytest.mark.parametrize("count", [1, 15, 16])
def test_few_questions_are_all_shown_once_and_not_divided(count: int) -> None:
    rows = [question(number, number / 100, -0.5) for number in range(count)]
    (ends,) = marks(country.country_gaps(), rows, "symbol")
    assert len(ends) == 2 * count
    (ways,) = marks(country.country_gaps(), rows, "rule")
    assert len(ways) == count


def test_both_ends_of_a_dumbbell_say_who_they_are() -> None:
    (ends,) = marks(country.country_gaps(), [question(1, 0.25, -0.5)], "symbol")
    assert {(mark.said["who"], mark.said["mean score"]) for mark in ends} == {
        ("people", "0.25"),
        ("model", "-0.5"),
    }
    people, model = ends
    assert people.x > model.x


def test_rho0_of_each_category_is_that_of_its_questions(
    built: duckdb.DuckDBPyConnection, germany: dict[str, str | None], cells: pd.DataFrame
) -> None:
    rows = EXHIBIT["country_categories"].rows(built, germany)
    own = cells[cells["country_id"] == "DEU"].dropna(subset=["m", "h"])

    def rho0(one: pd.Series, other: pd.Series) -> float:
        return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))

    known = [row for row in rows if row["rho0"] is not None]
    assert {row["category_id"] for row in known} >= {"social_values", "ethical_values"}
    for row in known:
        members = own[own["category_id"] == row["category_id"]]
        assert row["question_count"] == len(members)
        assert row["rho0"] == pytest.approx(rho0(members["m"], members["h"]), abs=1e-9)
        assert row["blind_rho0"] == pytest.approx(rho0(members["b"], members["h"]), abs=1e-9)
        assert row["rho0_above_blind"] == pytest.approx(row["rho0"] - row["blind_rho0"], abs=1e-9)
    unknown = [row for row in rows if row["rho0"] is None]
    assert unknown
    assert all(row["null_reason"] for row in unknown)
    orders = [row["category_order"] for row in rows]
    assert orders == sorted(orders)


def test_a_category_is_drawn_from_the_blind_baseline_to_the_model(
    built: duckdb.DuckDBPyConnection, germany: dict[str, str | None]
) -> None:
    rows = EXHIBIT["country_categories"].rows(built, germany)
    known = [row for row in rows if row["rho0"] is not None]
    (ends,) = marks(country.country_categories(), rows, "symbol")
    assert len(ends) == 2 * len(known)
    labels = axis_labels(country.country_categories(), rows)
    assert labels[-len(known) :] == [row["category_name"] for row in known]


def test_a_category_without_a_baseline_still_shows_the_model() -> None:
    row = {"category_name": "A", "category_order": 1, "rho0": 0.5, "question_count": 6}
    rows = [{**row, "blind_rho0": None, "rho0_above_blind": None}]
    ((end,),) = marks(country.country_categories(), rows, "symbol")
    assert end.said["who"] == "model"


def test_categories_without_any_rho0_say_why(
    built: duckdb.DuckDBPyConnection, germany: dict[str, str | None]
) -> None:
    rows = EXHIBIT["country_categories"].rows(built, {**germany, "country_id": NOT_SURVEYED})
    ((told,),) = marks(country.country_categories(), rows, "text")
    assert told.text == "nothing to draw: country not surveyed"


@pytest.mark.parametrize("exhibit_id", ["country_scatter", "country_gaps", "country_categories"])
def test_a_country_compiles_without_warnings_whatever_its_rows(
    exhibit_id: str,
    built: duckdb.DuckDBPyConnection,
    germany: dict[str, str | None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    exhibit = EXHIBIT[exhibit_id]
    assert exhibit.chart is not None
    rows = exhibit.rows(built, germany)
    names = {"short_label": "'\"<b>\u05d0 \U0001f389</b>", "category_name": "</script>"}
    odd = {**rows[0], **names}
    for some in ([], rows[:1], rows, [*rows, odd]):
        assert warnings(exhibit.chart(), some, capfd) == []
    assert {column.name for column in exhibit.columns} <= set(rows[0])


def test_a_country_that_nobody_asked_has_no_rows(
    built: duckdb.DuckDBPyConnection,
    empty: duckdb.DuckDBPyConnection,
    germany: dict[str, str | None],
) -> None:
    for exhibit_id in ("country_scatter", "country_gaps"):
        assert EXHIBIT[exhibit_id].rows(built, {**germany, "country_id": NOT_SURVEYED}) == []
        assert len(EXHIBIT[exhibit_id].rows(built, {**germany, "country_id": SPARSE})) == 3
    for exhibit_id in ("country_scatter", "country_gaps", "country_categories"):
        assert EXHIBIT[exhibit_id].rows(built, {**germany, "population_id": None}) == []
        assert EXHIBIT[exhibit_id].rows(empty, germany) == []
    rows = EXHIBIT["country_categories"].rows(built, {**germany, "country_id": NOT_SURVEYED})
    assert {row["null_reason"] for row in rows if row["rho0"] is None}
    assert all(row["rho0"] is None for row in rows)
