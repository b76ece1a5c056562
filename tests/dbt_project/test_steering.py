"""Real names against invented ones: by loops, by all permutations, and where nothing steers."""

from collections.abc import Hashable
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import kstest
from valuescope_statistics.relations import DESIGN
from valuescope_statistics.steering import (
    RESULT,
    Limits,
    steering,
    steering_of_designs,
)

Floats = npt.NDArray[np.float64]
LIMITS = Limits(minimum_names=5, seed=1)
QUESTIONS = ["Q1", "Q2", "Q3", "Q4"]


def names(real: int, invented: int) -> npt.NDArray[np.bool_]:
    return np.arange(real + invented) < real


def answers(seed: int, real: int = 20, invented: int = 8, wider: float = 1.0) -> Floats:
    """Return names x questions; real names are `wider` apart, all about a level of their own."""
    random = np.random.default_rng(seed)
    scale = np.where(names(real, invented), wider, 1.0)[:, None]
    return 0.3 + 0.1 * scale * random.normal(size=(real + invented, len(QUESTIONS)))


def together(rows: pd.DataFrame) -> dict[Hashable, Any]:
    (row,) = rows[rows["question_id"].isna()].to_dict("records")
    return row


def test_the_ratio_is_of_standard_deviations_over_names() -> None:
    scores = answers(1, wider=3)
    scores[[0, 3, 21], [1, 2, 1]] = np.nan
    rows = steering(scores, names(20, 8), QUESTIONS, LIMITS).set_index("question_id")
    squares = []
    for place, question in enumerate(QUESTIONS):
        sides = [side[np.isfinite(side)] for side in (scores[:20, place], scores[20:, place])]
        spread = [np.std(side, ddof=1) for side in sides]
        row = rows.loc[question]
        assert (row["country_count"], row["placebo_count"]) == tuple(map(len, sides))
        assert [row["country_spread"], row["placebo_spread"]] == pytest.approx(spread, abs=1e-14)
        assert row["steering_ratio"] == pytest.approx(spread[0] / spread[1], rel=1e-12)
        squares.append(np.square(spread))
    expected = np.sqrt(np.mean(squares, axis=0))
    whole = together(rows.reset_index())
    assert [whole["country_spread"], whole["placebo_spread"]] == pytest.approx(expected)
    assert whole["steering_ratio"] == pytest.approx(expected[0] / expected[1])
    assert (whole["question_count"], whole["country_count"]) == (4, 20)


def test_p_is_the_share_of_permutations_that_reach_the_ratio() -> None:
    """Of 6 real and 5 invented names there are 462 divisions, so that the exact p is known."""
    scores = answers(3, real=6, invented=5, wider=1.8)
    row = steering(scores, names(6, 5), QUESTIONS, LIMITS)
    for place in range(len(QUESTIONS)):
        own = scores[:, place]

        def ratio(real: tuple[int, ...], own: Floats = own) -> float:
            invented = np.delete(own, real)
            return float(np.var(own[list(real)], ddof=1) / np.var(invented, ddof=1))

        every = np.array([ratio(real) for real in combinations(range(11), 6)])
        exact = (every >= ratio(tuple(range(6))) * (1 - 1e-12)).mean()
        error = np.sqrt(exact * (1 - exact) / 999)
        assert row["p_value"][place] == pytest.approx(exact, abs=4 * error + 0.001)


def test_names_that_do_not_steer_have_any_p_and_names_that_do_a_small_one() -> None:
    found = [steering(answers(seed), names(20, 8), QUESTIONS, LIMITS) for seed in range(60)]
    p_values = pd.concat(found)
    assert kstest([together(rows)["p_value"] for rows in found], "uniform").pvalue > 0.01
    assert 0.02 < (p_values["p_value"] < 0.05).mean() < 0.09
    wide = together(steering(answers(7, wider=4), names(20, 8), QUESTIONS, LIMITS))
    assert wide["p_value"] == 0.001
    assert 2.5 < wide["steering_ratio"] < 6


@pytest.mark.parametrize(
    ("real", "invented", "wider", "reason"),
    [
        (4, 8, 1.0, "too_few_countries"),
        (20, 4, 1.0, "too_few_placebos"),
        (20, 8, np.inf, "no_variance_in_placebos"),
    ],
)
def test_too_little_gives_a_reason(real: int, invented: int, wider: float, reason: str) -> None:
    scores = answers(5, real, invented)
    if np.isinf(wider):
        scores[real:] = 0.25
    rows = steering(scores, names(real, invented), QUESTIONS, LIMITS)
    assert set(rows["null_reason"]) == {reason}
    assert rows[["steering_ratio", "p_value"]].isna().all(axis=None)


def test_designs_are_apart_and_fit_the_table() -> None:
    cells = pd.concat(
        pd.DataFrame(
            {
                **dict.fromkeys(DESIGN, design),
                "subject_name": [f"n{n}" for n in range(28) for _ in QUESTIONS],
                "is_real": np.repeat(names(20, 8), len(QUESTIONS)),
                "question_id": QUESTIONS * 28,
                "llm_mean_score": answers(seed).ravel(),
            }
        )
        for seed, design in enumerate(["a", "b"])
    )
    both = steering_of_designs(cells, LIMITS)
    assert pa.Table.from_pandas(both, RESULT, preserve_index=False).num_rows == 2 * 5
    mixed = cells[cells["model_id"] == "b"].sample(frac=1, random_state=1)
    for name in ("subject_name", "question_id"):
        mixed[name] = pd.Categorical(mixed[name], categories=mixed[name].unique())
    alone = steering_of_designs(mixed, LIMITS)
    pd.testing.assert_frame_equal(both[both["model_id"] == "b"], alone, check_exact=True)
