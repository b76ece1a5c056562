"""The sentence about a model: its numbers are the marts', and it claims no more than they do."""

from typing import Any

import duckdb
import pytest

from valuescope.reports.exhibits.agreement.countries import above_zero, beside_blind
from valuescope.reports.exhibits.finding import finding, findings
from valuescope.reports.terminal.summary import designs

SUMMARY: dict[str, Any] = {
    "mean_pearson_r": 0.614,
    "ci_low": 0.52,
    "ci_high": 0.68,
    "interval_null_reason": None,
    "null_reason": None,
    "mean_r_above_blind": -0.22,
    "r_above_blind_ci_low": -0.3,
    "r_above_blind_ci_high": -0.14,
    "r_above_blind_q_value": 0.001,
    "random_r_above_blind": -0.75,
    "is_order_controlled": True,
    "order_spread": -0.12,
    "country_count": 6,
}
QUESTIONS: list[dict[str, Any]] = [
    {"question_id": "Q1", "short_label": "Family", "pearson_r": -0.051, "country_count": 97},
    {"question_id": "Q2", "short_label": "Friends", "pearson_r": 0.9, "country_count": 5},
]


def country(name: str, r: float | None, above: float | None, error: float) -> dict[str, Any]:
    return {
        "country_id": name[:3],
        "country_name": name,
        "pearson_r": r,
        "question_count": 8,
        "ci_low": None,
        "ci_high": None,
        "r_above_random": above,
        "r_above_random_ci_low": None if above is None else above - error,
        "r_above_random_ci_high": None if above is None else above + error,
    }


def countries(error: float) -> list[dict[str, Any]]:
    values = {"Aruba": 0.5, "Benin": 0.3, "Chile": 0.7, "Dominica": 0.6, "Egypt": 0.4}
    return [*(country(name, 0.6, value, error) for name, value in values.items()), NO_VALUE]


NO_VALUE = country("France", 0.6, None, 0)


def test_a_model_asked_in_all_orders_has_a_sentence_with_every_number() -> None:
    assert finding(SUMMARY, countries(0.1), QUESTIONS) == (
        "r .61 [.52, .68] with people in 6 countries, .22 [.14, .30] below knowing no country at "
        "all; random answers: .75 below. Closest to people in Chile, farthest in Benin (.70 and "
        ".30 above the r of random answers). Reversing the choices moves r by .12."
    )


def test_intervals_that_overlap_are_said_to() -> None:
    assert "random answers; their intervals overlap)" in finding(SUMMARY, countries(0.2), [])


def test_a_difference_that_a_test_does_not_support_is_no_difference() -> None:
    said = finding({**SUMMARY, "r_above_blind_q_value": 0.05}, countries(0.1), [])
    assert "not distinguishable from knowing no country at all (\u2212.22 [\u2212.30, " in said
    assert "below knowing" not in said


def test_one_order_gives_numbers_and_no_verdict() -> None:
    alone = {**SUMMARY, "is_order_controlled": False, "order_spread": None}
    said = finding(alone, countries(0.1), [])
    assert said.endswith("No verdict: the choices were shown in one order only.")
    unsure = finding({**alone, "r_above_blind_q_value": 0.9}, countries(0.1), [])
    assert "not distinguishable" not in unsure


def test_two_questions_of_many_countries_say_what_one_country_cannot() -> None:
    few = {
        **dict.fromkeys(SUMMARY),
        "mean_pearson_r": -0.004,
        "interval_null_reason": "too_few_batteries",
        "is_order_controlled": False,
        "country_count": 1,
    }
    assert finding(few, [country("United States", -0.004, None, 0)], QUESTIONS) == (
        "r .00 with people in the United States over 8 questions (no interval: the questions come "
        "from too few batteries). Between countries: r \u2212.05 on Q1 Family (97 countries). No "
        "verdict: the choices were shown in one order only."
    )
    alone = {**country("Chile", 0.2, None, 0), "ci_low": -0.1, "ci_high": 0.4}
    assert finding(few, [alone], []).startswith("r .00 [\u2212.10, .40] with people in Chile")
    none = {**few, "mean_pearson_r": None, "null_reason": "too_few_questions", "country_count": 0}
    assert finding(none, [], []).startswith("no r with people: too few questions.")


def test_titles_count_countries_by_whole_intervals_and_not_on_one_order() -> None:
    def row(low: float, high: float, is_order_controlled: bool = True) -> dict[str, Any]:
        middle = (low + high) / 2
        return {
            "is_order_controlled": is_order_controlled,
            "r_above_blind": middle,
            "r_above_blind_ci_low": low,
            "r_above_blind_ci_high": high,
            "demeaned_pearson_r": middle,
            "demeaned_ci_low": low,
        }

    ends = [(-0.3, -0.1), (-0.2, -0.1), (-0.3, 0.1), (0.1, 0.2)]
    rows = [row(*both) for both in ends]
    assert beside_blind(rows) == (
        "Beside knowing no country at all, r is lower in 2 of 4 countries and higher in 1; the "
        "intervals of the others hold 0"
    )
    assert beside_blind(rows[:2]) == (
        "r is below that of knowing no country at all in all 2 countries, with whole intervals"
    )
    assert str(above_zero(rows)).endswith("has an interval above 0 in 1 of 4 countries")
    alone = [row(*both, is_order_controlled=False) for both in ends]
    assert str(beside_blind(alone)).startswith("r is below that of knowing no country at all in 3")
    for said in (beside_blind(alone), above_zero(alone)):
        assert str(said).endswith("no verdict, because the choices were shown in one order only")
    assert beside_blind([]) is above_zero([]) is None


def test_every_design_of_a_study_has_one_that_keeps_to_its_marts(
    built: duckdb.DuckDBPyConnection, paired: duckdb.DuckDBPyConnection
) -> None:
    for connection in (built, paired):
        found = findings(connection, designs(connection))
        assert len({one.name for one in found}) == len(found) == len(designs(connection))
        for one in found:
            ((r, controlled, q),) = connection.execute(
                "select mean_pearson_r, is_order_controlled, r_above_blind_q_value "
                "from marts.agg_model_summary where model_id = ? and prompt_id = ? "
                "and population_id is not distinct from ?",
                [one.design.model_id, one.design.prompt_id, one.design.population_id],
            ).fetchall()
            assert ("No verdict" in one.sentence) == (not controlled)
            assert ("not distinguishable" in one.sentence) == (
                bool(controlled) and q is not None and q >= 0.05
            )
            if r is None:
                assert one.sentence.startswith("no r")
            else:
                shown = one.sentence.split()[1].replace("\u2212", "-")
                assert float(shown) == pytest.approx(r, abs=0.005)
