"""The cultural map's indicators: what each answer counts."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"

Rows = list[dict[str, str]]
# The survey's own answer at the upper end of its axis.
UPPER_ENDS = {
    **{"Q164": 1, "Q8": 1, "Q14": 1, "Q15": 2, "Q17": 2, "Q184": 10, "Q254": 4, "Q45": 3},
    **{"Q46": 1, "Q209": 1, "Q182": 10, "Q57": 1},
}


def read(name: str) -> Rows:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def values() -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for row in read("indicator_codes"):
        found[row["question_id"]][int(row["code"])] = int(row["value"])
    return found


def test_five_indicators_mark_each_axis_and_all_have_questions() -> None:
    indicators = read("indicators")
    axes = [row["axis_id"] for row in indicators]
    assert axes == ["secular_rational"] * 5 + ["self_expression"] * 5
    assert [row["indicator_order"] for row in indicators] == [str(n) for n in range(1, 11)]
    assert {row["indicator_id"] for row in indicators} == {
        row["indicator_id"] for row in read("indicator_codes")
    }


def test_every_native_choice_on_a_scale_is_one_code_with_a_value(
    values: dict[str, dict[int, int]],
) -> None:
    native: dict[str, list[str]] = defaultdict(list)
    for row in read("choices"):
        if row["coding_id"] == "native" and row["is_on_scale"] == "true":
            native[row["question_id"]].append(row["survey_codes"])
    for question, codes in values.items():
        assert native[question] == [str(code) for code in sorted(codes)], question


def test_the_highest_value_is_the_answer_at_the_upper_end(
    values: dict[str, dict[int, int]],
) -> None:
    assert values.keys() - UPPER_ENDS.keys() == {"Q154", "Q155"}
    for question, end in UPPER_ENDS.items():
        others = [value for code, value in values[question].items() if code != end]
        assert values[question][end] > max(others), question
    assert values["Q154"] == values["Q155"] == {1: 0, 2: 1, 3: 0, 4: 1}


def test_single_questions_are_those_of_the_time_series_variable() -> None:
    series = {row["question_id"]: row["trend_variable"] for row in read("trend_items")}
    questions = defaultdict(set)
    for row in read("indicator_codes"):
        questions[row["indicator_id"]].add(row["question_id"])
    for row in read("indicators"):
        own = questions[row["indicator_id"]]
        assert own <= series.keys()
        if len(own) == 1:
            assert series[own.pop()] == row["trend_variable"]
