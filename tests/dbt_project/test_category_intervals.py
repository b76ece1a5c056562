"""The intervals of categories, against one battery left out at a time in plain Python."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import read


@pytest.fixture(scope="module")
def mart(agreement: AgreementStudy) -> pd.DataFrame:
    return read(agreement.home, "select * from marts.agg_category_correlations")


def above_blind(cells: pd.DataFrame) -> float:
    """rho0 of the model minus rho0 of the blind baseline."""
    m, b, h = (cells[f"{who}_mean_score"].to_numpy() for who in ("llm", "blind", "human"))
    return float(m @ h / np.sqrt(m @ m * (h @ h)) - b @ h / np.sqrt(b @ b * (h @ h)))


def test_intervals_are_those_of_batteries_left_out_one_by_one(
    agreement: AgreementStudy, mart: pd.DataFrame
) -> None:
    cells = read(agreement.home, "select * from intermediate.int_comparable_cells")
    intervals = mart[mart["rho0_above_blind_ci_low"].notna()]
    assert len(intervals) > 3
    for row in intervals.to_dict("records"):
        own = cells[
            (cells["model_id"] == row["model_id"])
            & (cells["prompt_id"] == row["prompt_id"])
            & (cells["category_id"] == row["category_id"])
        ]
        batteries = own["battery_id"].unique()
        left_out = [above_blind(own[own["battery_id"] != battery]) for battery in batteries]
        count = len(batteries)
        error = np.sqrt((count - 1) / count * np.sum((left_out - np.mean(left_out)) ** 2))
        estimate, half = above_blind(own), t.ppf(0.975, count - 1) * error
        assert row["battery_count"] == count >= 5
        assert row["rho0_above_blind"] == pytest.approx(estimate, abs=1e-9)
        assert row["rho0_above_blind_ci_low"] == pytest.approx(estimate - half, abs=1e-9)
        assert row["rho0_above_blind_ci_high"] == pytest.approx(estimate + half, abs=1e-9)
        p_value = 2 * (1 - t.cdf(abs(estimate) / error, count - 1))
        assert row["rho0_above_blind_p_value"] == pytest.approx(p_value, abs=1e-9)


def test_q_values_are_adjusted_over_the_categories_of_one_design(mart: pd.DataFrame) -> None:
    tested = mart.dropna(subset="rho0_above_blind_p_value")
    for _, family in tested.groupby(["model_id", "prompt_id"]):
        ordered = family.sort_values("rho0_above_blind_p_value", ascending=False)
        least = 1.0
        for place, row in zip(range(len(ordered), 0, -1), ordered.to_dict("records"), strict=True):
            least = min(least, row["rho0_above_blind_p_value"] * len(ordered) / place)
            assert row["rho0_above_blind_q_value"] == pytest.approx(least)


def test_a_category_without_enough_batteries_says_so(mart: pd.DataFrame) -> None:
    few = mart[(mart["battery_count"] > 0) & (mart["battery_count"] < 5)]
    assert len(few) > 3
    assert few["rho0_above_blind_ci_low"].isna().all()
    assert "too_few_batteries" in set(few["interval_null_reason"])
