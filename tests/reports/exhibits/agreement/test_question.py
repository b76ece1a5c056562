"""One question: each number against the second calculation, each mark against its row."""

from typing import Any

import duckdb
import pandas as pd
import pytest

from tests.dbt_project import oracle
from tests.dbt_project.agreement_study import NOT_SURVEYED
from tests.dbt_project.study import Instrument
from tests.reports.exhibits.pictures import axis_labels, marks, warnings
from valuescope.reports.exhibits.agreement import question
from valuescope.reports.exhibits.catalogue import EXHIBITS
from valuescope.reports.terminal.summary import Design, designs

EXHIBIT = {exhibit.exhibit_id: exhibit for exhibit in EXHIBITS}


@pytest.fixture(scope="module")
def benefits(knowing: Design) -> dict[str, str | None]:
    return {**knowing.parameters, "country_id": "DEU", "question_id": "Q177"}


def country(name: str, people: float, model: float) -> dict[str, Any]:
    return {
        "country_id": name[:3].upper(),
        "country_name": name,
        "llm_mean_score": model,
        "human_mean_score": people,
        "first_choice": "Very",
        "last_choice": "Not at all",
    }


def test_a_question_has_all_countries_that_can_be_compared_by_name(
    built: duckdb.DuckDBPyConnection, benefits: dict[str, str | None], cells: pd.DataFrame
) -> None:
    rows = EXHIBIT["question_countries"].rows(built, benefits)
    of_question = cells[(cells["question_id"] == "Q177") & (cells["country_id"] != "ZZZ")]
    expected = of_question.dropna(subset=["m", "h"]).set_index("country_id")
    assert {row["country_id"]: row["llm_mean_score"] for row in rows} == pytest.approx(
        expected["m"].to_dict(), abs=1e-9
    )
    assert {row["country_id"]: row["human_mean_score"] for row in rows} == pytest.approx(
        expected["h"].to_dict(), abs=1e-9
    )
    names = [row["country_name"] for row in rows]
    assert names == sorted(names)


@pytest.mark.parametrize("coding_id", ["native", "paper"])
@pytest.mark.parametrize("question_id", ["Q1", "Q56", "Q119", "Q149", "Q177", "Q254"])
def test_the_ends_of_the_scale_are_those_of_the_coding_that_was_asked(
    built: duckdb.DuckDBPyConnection, instrument: Instrument, question_id: str, coding_id: str
) -> None:
    design = next(
        design
        for design in designs(built)
        if (design.model_id, design.prompt_id) == ("guessing", coding_id)
    )
    chosen = {**design.parameters, "question_id": question_id}
    rows = EXHIBIT["question_countries"].rows(built, chosen)
    choices = instrument.choices
    scale = choices[
        (choices["coding_id"] == coding_id)
        & (choices["question_id"] == question_id)
        & choices["choice_index"].notna()
    ].sort_values("choice_index")["choice_text"]
    assert {(row["first_choice"], row["last_choice"]) for row in rows} == {
        (scale.iloc[0], scale.iloc[-1])
    }


def test_countries_stand_in_the_order_of_their_peoples_scores_between_the_ends_of_the_scale() -> (
    None
):
    rows = [country("Chile", 0.5, 0.1), country("Benin", -0.5, 0.2), country("Egypt", 0.25, 0.3)]
    (ways,) = marks(question.question_countries(), rows, "rule")
    assert [mark.said["country"] for mark in sorted(ways, key=lambda mark: mark.y)] == [
        "Benin",
        "Egypt",
        "Chile",
    ]
    (ends,) = marks(question.question_countries(), rows, "symbol")
    assert len(ends) == 6
    (first,), (last,) = marks(question.question_countries(), rows, "text")
    assert first.text == "\u2190 Very"
    assert last.text == "Not at all \u2192"
    assert first.x < last.x


def test_answers_are_in_order_and_both_sides_are_whole(
    built: duckdb.DuckDBPyConnection, benefits: dict[str, str | None], cells: pd.DataFrame
) -> None:
    rows = EXHIBIT["answer_shares"].rows(built, benefits)
    assert [row["choice_index"] for row in rows] == list(range(1, 11))
    assert rows[0]["choice_text"] == "1 (Never justifiable)"
    (cell,) = cells.query("country_id == 'DEU' and question_id == 'Q177'").to_dict("records")
    assert [row["llm_probability"] for row in rows] == pytest.approx(list(cell["p"]), abs=1e-9)
    assert list(rows[0]) == ["choice_index", "choice_text", "human_share", "llm_probability"]


@pytest.mark.parametrize("question_id", ["Q177", "Q42", "Q152", "Q91", "Q57"])
def test_people_s_shares_are_those_of_the_survey_with_a_scale_and_without(
    built: duckdb.DuckDBPyConnection,
    benefits: dict[str, str | None],
    people: pd.DataFrame,
    question_id: str,
) -> None:
    rows = EXHIBIT["answer_shares"].rows(built, {**benefits, "question_id": question_id})
    (cell,) = people.query("country_id == 'DEU' and question_id == @question_id").to_dict("records")
    assert [row["human_share"] for row in rows] == pytest.approx(list(cell["shares"]), abs=1e-9)
    assert sum(row["llm_probability"] for row in rows) == pytest.approx(1)


def test_each_choice_has_a_bar_of_people_and_one_of_the_model() -> None:
    rows = [
        {"choice_index": 2, "choice_text": "No", "human_share": 0.25, "llm_probability": 0.5},
        {"choice_index": 1, "choice_text": "Yes", "human_share": 0.75, "llm_probability": 0.5},
    ]
    (bars,) = marks(question.answer_shares(), rows, "rect")
    told = [(bar.said["choice"], bar.said["who"], bar.said["share"]) for bar in bars]
    assert sorted(told) == [
        ("No", "model", "50%"),
        ("No", "people", "25%"),
        ("Yes", "model", "50%"),
        ("Yes", "people", "75%"),
    ]
    from_above = sorted(bars, key=lambda bar: bar.y)
    assert [(bar.said["choice"], bar.said["who"]) for bar in from_above] == [
        ("Yes", "people"),
        ("Yes", "model"),
        ("No", "people"),
        ("No", "model"),
    ]


def test_a_country_that_was_not_surveyed_has_the_model_alone(
    built: duckdb.DuckDBPyConnection, benefits: dict[str, str | None]
) -> None:
    rows = EXHIBIT["answer_shares"].rows(built, {**benefits, "country_id": NOT_SURVEYED})
    assert len(rows) == 10
    assert all(row["human_share"] is None for row in rows)
    (bars,) = marks(question.answer_shares(), rows, "rect")
    assert {bar.said["who"] for bar in bars} == {"model"}


def test_a_long_choice_is_broken_into_lines_and_not_cut() -> None:
    words = "The government should take more responsibility to ensure that everyone is provided for"
    rows = [{"choice_index": 1, "choice_text": words, "human_share": 0.5, "llm_probability": 0.5}]
    assert words in axis_labels(question.answer_shares(), rows)


def test_r_across_countries_is_that_of_the_questions_cells(
    built: duckdb.DuckDBPyConnection, knowing: Design, cells: pd.DataFrame
) -> None:
    rows = EXHIBIT["question_agreement"].rows(built, knowing.parameters)
    expected = {
        str(question_id): (oracle.r_or_nan(own["m"], own["h"]), (own["m"] - own["h"]).mean())
        for question_id, own in oracle.comparable(cells).groupby("question_id")
    }
    known = {row["question_id"]: row for row in rows if row["pearson_r"] is not None}
    assert len(known) > 40
    for question_id, row in known.items():
        r, error = expected[question_id]
        assert row["pearson_r"] == pytest.approx(r, abs=1e-9)
        assert row["mean_error"] == pytest.approx(error, abs=1e-9)
    without = [row for row in rows if row["pearson_r"] is None]
    assert {row["question_id"] for row in without} == {"Q42", "Q152", "Q91"}
    assert all(row["null_reason"] for row in without)
    in_order = [row["pearson_r"] for row in rows[: len(known)]]
    assert in_order == sorted(in_order, reverse=True)


def test_the_ten_best_and_the_ten_worst_questions_are_drawn(
    built: duckdb.DuckDBPyConnection, knowing: Design
) -> None:
    rows = EXHIBIT["question_agreement"].rows(built, knowing.parameters)
    known = [row for row in rows if row["pearson_r"] is not None]
    shown = [*known[:10], *known[-10:]]
    (points,) = marks(question.question_agreement(), rows, "symbol")
    from_above = sorted(points, key=lambda mark: mark.y)
    assert [mark.said["question"] for mark in from_above] == [
        f"{row['question_id']} {row['short_label']}" for row in shown
    ]
    assert [mark.said["r"] for mark in from_above] == [f"{row['pearson_r']:.2f}" for row in shown]
    between, _ = marks(question.question_agreement(), rows, "rule")
    assert len(between) == 1


def test_a_line_of_a_question_begins_at_zero() -> None:
    row = {"question_id": "Q1", "short_label": "a", "mean_error": 0.1, "country_count": 9}
    rows = [{**row, "pearson_r": 0.5}, {**row, "question_id": "Q2", "pearson_r": -0.5}]
    (lines,) = marks(question.question_agreement(), rows, "rule")
    assert lines[0].x == pytest.approx(lines[1].x)
    lengths = [float(line.attributes["x2"]) for line in lines]
    assert lengths[0] == pytest.approx(-lengths[1])
    assert lengths[0] > 0


@pytest.mark.parametrize(
    "exhibit_id", ["question_countries", "answer_shares", "question_agreement"]
)
def test_a_question_compiles_without_warnings_whatever_its_rows(
    exhibit_id: str,
    built: duckdb.DuckDBPyConnection,
    benefits: dict[str, str | None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    exhibit = EXHIBIT[exhibit_id]
    assert exhibit.chart is not None
    rows = exhibit.rows(built, benefits)
    texts = [name for name, value in rows[0].items() if isinstance(value, str)]
    odd = {**rows[0], **dict.fromkeys(texts, "'\"<b>\u05d0 \U0001f389</b>")}
    nothing = dict.fromkeys(rows[0])
    for some in ([], rows[:1], rows, [*rows, odd, nothing]):
        assert warnings(exhibit.chart(), some, capfd) == []
    assert {column.name for column in exhibit.columns} <= set(rows[0])


def test_what_was_not_asked_has_no_rows(
    built: duckdb.DuckDBPyConnection,
    empty: duckdb.DuckDBPyConnection,
    benefits: dict[str, str | None],
) -> None:
    for exhibit_id in ("question_countries", "answer_shares", "question_agreement"):
        assert EXHIBIT[exhibit_id].rows(empty, benefits) == []
        assert EXHIBIT[exhibit_id].rows(built, {**benefits, "population_id": None}) == []
    for question_id in ("Q42", "Q91", "Q250"):
        chosen = {**benefits, "question_id": question_id}
        assert EXHIBIT["question_countries"].rows(built, chosen) == []
