"""What random answers reach, against scipy and against answers whose truth is known."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, pearsonr
from valuescope_statistics.agreement.cells import Area
from valuescope_statistics.random_answers import (
    RandomAnswerSettings,
    Spread,
    random_answers,
    read_cells,
    spread,
)
from valuescope_statistics.relations import DESIGN

COUNTRIES = [f"C{number:02d}" for number in range(12)]
WEST = frozenset(COUNTRIES[:5])
QUESTIONS, BATTERIES = 60, 15
AREAS = [
    Area("world", "world", frozenset(COUNTRIES), True),
    *(
        Area(f"western_{membership}", name, members, False)
        for membership, (name, members) in product(
            ("paper", "weog", "inglehart_welzel"),
            (("west", WEST), ("elsewhere", frozenset(COUNTRIES) - WEST)),
        )
    ),
]


def people() -> pd.DataFrame:
    """Cells without a model: the West is less like the world than the others are."""
    random = np.random.default_rng(5)
    shared = random.normal(0, 0.4, QUESTIONS)
    cells = pd.DataFrame(
        [
            {
                "country_id": country,
                "question_id": f"Q{question:02d}",
                "battery_id": f"b{question % BATTERIES:02d}",
                "category_id": "even" if question % BATTERIES % 2 == 0 else "odd",
                "human_mean_score": shared[question]
                + random.normal(0, 0.45 if country in WEST else 0.15),
            }
            for country in COUNTRIES
            for question in range(QUESTIONS)
        ]
    )
    of_question = cells.groupby("question_id")["human_mean_score"]
    others = of_question.transform("count") - 1
    blind = (of_question.transform("sum") - cells["human_mean_score"]) / others
    return cells.assign(blind_mean_score=blind)


PEOPLE = people()


def answers(number: int, knowledge: float = 0.0) -> pd.DataFrame:
    """A model that knows so much of people, the rest by batteries, items and countries."""
    random = np.random.default_rng([1, number])
    item = random.normal(0, 0.2, BATTERIES)[np.arange(QUESTIONS) % BATTERIES]
    item = item + random.normal(0, 0.3, QUESTIONS)
    question = PEOPLE["question_id"].str[1:].astype(int).to_numpy()
    score = item[question] + random.normal(0, 0.1, len(PEOPLE))
    return PEOPLE.assign(
        model_id=f"m{number}",
        prompt_id="p",
        survey_id="wvs",
        llm_mean_score=knowledge * PEOPLE["human_mean_score"] + score,
        option_position_score=0.0,
        country_free_llm_score=item[question],
    )


def found(cells: pd.DataFrame, draws: int = 100) -> pd.DataFrame:
    rows = random_answers(cells, AREAS, RandomAnswerSettings(draws, 1, 5, 10, 5, 2))
    return rows.set_index(["area_kind", "area_id"])


def value(rows: pd.DataFrame, kind: str, area: object, name: str) -> float:
    """Return a number of the one row of an area."""
    cell: Any = rows.xs((kind, area))[name]
    return float(cell)


def test_estimates_are_those_of_scipy_on_the_same_cells() -> None:
    cells = answers(0, knowledge=0.5)
    # A country that lacks some of the questions, as surveys have them.
    lacking = (cells["country_id"] == "C03") & (cells["question_id"] > "Q40")
    cells = cells[~lacking]
    rows = found(cells)
    above = {}
    for country, own in cells.groupby("country_id"):
        human, blind = own["human_mean_score"], own["blind_mean_score"]
        r, free = (
            pearsonr(own[name], human).statistic
            for name in ("llm_mean_score", "country_free_llm_score")
        )
        above[country] = r - pearsonr(blind, human).statistic
        estimate = value(rows, "country", country, "estimate")
        assert estimate == pytest.approx(above[country], abs=1e-12)
        assert value(rows, "country", country, "country_free_estimate") == pytest.approx(
            free - pearsonr(blind, human).statistic, abs=1e-12
        )
    mean = pd.Series(above)
    gap = mean[list(WEST)].mean() - mean.drop(list(WEST)).mean()
    world = value(rows, "world", "world", "estimate")
    assert world == pytest.approx(mean.mean(), abs=1e-12)
    found_gap = value(rows, "western_paper", "west_minus_elsewhere", "estimate")
    assert found_gap == pytest.approx(gap, abs=1e-12)
    for category, own in cells.groupby("category_id"):
        h, m, b = (own[f"{side}_mean_score"].to_numpy() for side in ("human", "llm", "blind"))
        expected = m @ h / np.sqrt(m @ m * (h @ h)) - b @ h / np.sqrt(b @ b * (h @ h))
        estimate = value(rows, "category", category, "estimate")
        assert estimate == pytest.approx(expected, abs=1e-12)


def test_the_spread_is_estimated_without_bias() -> None:
    squares = np.mean(
        [
            np.square(spread(cells.model, cells.battery))
            for cells in (read_cells(answers(number)) for number in range(200))
        ],
        axis=0,
    )
    # An item's mean over 12 countries holds a twelfth of what its countries differ by.
    expected = Spread(0.2**2, 0.3**2 + 0.1**2 / 12, 0.1**2)
    np.testing.assert_allclose(squares, expected, rtol=0.12)


def test_answers_that_know_nothing_have_any_place_among_random_ones_and_a_western_gap() -> None:
    """The gap of answers without knowledge is not 0, and random answers have the same."""
    rows = pd.concat([found(answers(number)) for number in range(60)])
    gaps = rows.xs(("western_paper", "west_minus_elsewhere"))
    assert gaps["estimate"].mean() > 0.1
    assert gaps["random_mean"].mean() == pytest.approx(gaps["estimate"].mean(), abs=0.02)
    for area in (
        ("western_paper", "west_minus_elsewhere"),
        ("world", "world"),
        ("category", "even"),
        ("country", "C00"),
    ):
        assert kstest(rows.xs(area)["random_place"], "uniform").pvalue > 0.01, area
    assert (rows["random_p_value"] < 0.05).mean() < 0.08


def test_answers_that_know_people_are_above_random_ones_everywhere() -> None:
    rows = found(answers(0, knowledge=2.0))
    measured = rows.drop(index="west_minus_elsewhere", level="area_id")
    assert (measured["random_place"] == 1).all()
    assert (measured["random_p_value"] == 1 / 101).all()


def test_one_model_does_not_change_another_s_random_answers() -> None:
    alone = found(answers(1))
    both = found(pd.concat([answers(0), answers(1)]))
    own = both[both["model_id"] == "m1"]
    pd.testing.assert_frame_equal(own, alone, check_exact=True)


def test_turning_the_coding_of_items_round_changes_no_category() -> None:
    cells = answers(0, knowledge=0.2)
    is_turned = cells["question_id"].isin([f"Q{number:02d}" for number in range(0, 60, 4)])
    scores = [name for name in map(str, cells) if name.endswith("_score")]
    turned = cells.assign(**{name: cells[name].mask(is_turned, -cells[name]) for name in scores})
    before, after = (found(rows).loc[["category"]].drop(columns=DESIGN) for rows in (cells, turned))
    pd.testing.assert_frame_equal(before, after, rtol=1e-9)


def test_random_answers_lean_to_positions_as_the_model_does() -> None:
    """A lean that every question shares moves no r; one that turns half of them round does."""
    leaning = np.where(PEOPLE["question_id"].str[1:].astype(int) % 2 == 0, 0.6, -0.6)
    own = answers(0)
    cells = own.assign(
        llm_mean_score=own["llm_mean_score"] + leaning, option_position_score=leaning
    )
    # People's own answers, turned to the leaning, are reached by leaning alone.
    cells["human_mean_score"] = 0.2 * cells["human_mean_score"] + 0.5 * leaning
    level = found(cells.assign(option_position_score=0.0))
    leant = value(found(cells), "country", "C00", "random_mean")
    assert leant > value(level, "country", "C00", "random_mean") + 0.3
