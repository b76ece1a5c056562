"""Distances beside what the truth and answers without an opinion reach, by numpy and simulation."""

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import t
from valuescope_statistics.agreement.distances import RATIOS, distances
from valuescope_statistics.agreement.jackknife import freedom_of_batteries

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import read
from valuescope.warehouse.home import Home

Floats = npt.NDArray[np.float64]
DISTANCES = ["wasserstein_1", "total_variation", "jensen_shannon_distance"]
CELL = ["population_id", "coding_id", "question_id", "country_id"]


def distances_between(p: Floats, q: Floats) -> dict[str, Floats]:
    """Return every distance of p (rows x choices) from q."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (np.where(side > 0, side * np.log2(side / middle), 0) for side in (p, q))
    steps = 2 / (p.shape[-1] - 1)
    return {
        "wasserstein_1": np.abs(np.cumsum(p - q, axis=-1)).sum(axis=-1) * steps,
        "total_variation": np.abs(p - q).sum(axis=-1) / 2,
        "jensen_shannon_distance": np.sqrt((first + second).sum(axis=-1) / 2),
    }


def effective_respondents(cells: pd.DataFrame) -> float:
    """Return how many respondents err as much as the model does."""
    squares = (cells["llm_mean_score"] - cells["human_mean_score"]) ** 2
    return float(
        cells["human_variance"].mean()
        / (squares.mean() - (cells["human_standard_error"] ** 2).mean())
    )


def people_of(home: Home) -> pd.DataFrame:
    rows = read(home, "select * from marts.fct_human_mean_scores")
    return rows.set_index(CELL).sort_index()


@pytest.fixture(scope="module")
def people(agreement: AgreementStudy) -> pd.DataFrame:
    return people_of(agreement.home)


@pytest.fixture(scope="module")
def shares(agreement: AgreementStudy) -> dict[Hashable, Floats]:
    """Return people's distribution of each cell, choices in order."""
    rows = read(
        agreement.home,
        """
        select * from marts.fct_human_choice_shares
        where human_share is not null order by choice_index
        """,
    )
    return {key: own.to_numpy() for key, own in rows.groupby(CELL)["human_share"]}


def test_floors_are_what_samples_of_the_same_people_have(
    people: pd.DataFrame, shares: dict[Hashable, Floats]
) -> None:
    random = np.random.default_rng(1)
    counted = people[people["floor_wasserstein_1"].notna()]
    counted = counted[counted["effective_sample_size"] >= 30]
    chosen = counted.sample(60, random_state=1)
    ratios = []
    for key, cell in chosen.iterrows():
        p, n = shares[key], round(cell["effective_sample_size"])
        found = distances_between(random.multinomial(n, p, 4000) / n, p)
        exact = np.sqrt(n / cell["effective_sample_size"])
        ratios.append([cell[f"floor_{name}"] / found[name].mean() / exact for name in DISTANCES])
    table = pd.DataFrame(ratios, columns=DISTANCES)
    # Normal approximations, worst where few people gave an answer.
    np.testing.assert_allclose(table.mean(), 1, atol=0.02)
    np.testing.assert_allclose(table, 1, atol=0.15)


def test_people_s_variance_and_uniform_answers_are_numpy_s(
    people: pd.DataFrame, shares: dict[Hashable, Floats]
) -> None:
    scored = people[people["human_mean_score"].notna()]
    assert len(scored) > 200
    for key, cell in scored.iterrows():
        p = shares[key]
        s = np.linspace(-1, 1, len(p))
        assert cell["human_variance"] == pytest.approx(p @ s**2 - (p @ s) ** 2, abs=1e-9)
        found = distances_between(np.full(len(p), 1 / len(p)), p)
        for name in DISTANCES:
            assert cell[f"uniform_{name}"] == pytest.approx(found[name], abs=1e-9), name
    uncounted = people["respondents"].isna()
    assert uncounted.any()
    assert people.loc[uncounted, [f"floor_{name}" for name in DISTANCES]].isna().all(axis=None)


def test_a_sample_of_people_is_worth_its_size() -> None:
    """The estimator, on a model that is the mean of twelve of the same people."""
    random = np.random.default_rng(2)
    rows = []
    for _ in range(4000):
        p, s = random.dirichlet(np.ones(5)), np.linspace(-1, 1, 5)
        survey, sample = random.multinomial(200, p) / 200, random.multinomial(12, p) / 12
        h = survey @ s
        variance = survey @ (s - h) ** 2
        rows.append((sample @ s, h, variance, np.sqrt(variance / 199)))
    names = ["llm_mean_score", "human_mean_score", "human_variance", "human_standard_error"]
    assert effective_respondents(pd.DataFrame(rows, columns=names)) == pytest.approx(12, rel=0.05)


@pytest.mark.parametrize("reason", ["no_respondents", None])
def test_the_mart_is_the_mean_over_cells_of_people_s_thirds(
    agreement: AgreementStudy, pairs: Home, reason: str | None
) -> None:
    # In the one study some countries come as shares only, in the other all come as counts.
    home = agreement.home if reason else pairs
    scored = people_of(home)
    scored = scored[scored["human_mean_score"].notna()].copy()
    scored["share"] = scored["human_entropy"] / np.log2(scored["choice_count"])
    for _, own in scored.groupby(level=["population_id", "coding_id"]):
        order = own.assign(share=own["share"].round(12)).reset_index()
        order = order.sort_values(["share", "question_id", "country_id"]).set_index(CELL)
        thirds = np.array_split(np.array(order.index, dtype=object), 3)
        for name, third in zip(["consensus", "between", "divided"], thirds, strict=True):
            scored.loc[list(third), "stratum"] = name
    cells = read(
        home,
        """
        select * from marts.fct_mean_scores
        where country_id != 'ZZZ' and llm_mean_score is not null and human_mean_score is not null
        """,
    )
    added = scored.filter(regex="^(stratum|floor_|uniform_|human_variance)")
    cells = cells.join(added, on=CELL)
    mart = read(home, "select * from marts.agg_distances")
    assert set(mart["stratum"]) == {"all", "consensus", "between", "divided"}
    assert set(mart["floor_null_reason"]) == {reason}
    assert mart["effective_respondents"].notna().any() == (reason is None)
    for _, row in mart.iterrows():
        own = cells[
            (cells["model_id"] == row["model_id"]) & (cells["prompt_id"] == row["prompt_id"])
        ]
        own = own if row["stratum"] == "all" else own[own["stratum"] == row["stratum"]]
        assert len(own) == row["cell_count"]
        has_floor = own["floor_total_variation"].notna().all()
        for name in DISTANCES:
            assert row[f"mean_{name}"] == pytest.approx(own[name].mean())
            assert row[f"uniform_mean_{name}"] == pytest.approx(own[f"uniform_{name}"].mean())
            floor = own[f"floor_{name}"].mean() if has_floor else np.nan
            assert row[f"floor_mean_{name}"] == pytest.approx(floor, nan_ok=True)
        tv, uniform = own["total_variation"].mean(), own["uniform_total_variation"].mean()
        assert row["total_variation_score"] == pytest.approx(100 * (uniform - tv) / uniform)
        worth = effective_respondents(own) if has_floor else np.nan
        worth = worth if worth > 0 else np.nan
        assert row["effective_respondents"] == pytest.approx(worth, nan_ok=True)
        if row["model_id"] == "uniform":
            assert row["total_variation_score"] == pytest.approx(0, abs=1e-9)


def sums_of(batteries: int, seed: int, stratum: str = "all") -> pd.DataFrame:
    """Return sums of made-up cells of one design, one row per battery."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 9, batteries)
    rows = {
        name: [random.uniform(0.1, 0.5, size).sum() for size in sizes]
        for name in {name for ratio in RATIOS.values() for name in ratio} - {"cells"}
    }
    frame = pd.DataFrame({**rows, "cells": sizes})
    keys = {"model_id": "m", "prompt_id": "p", "survey_id": "wvs", "stratum": stratum}
    return frame.assign(**keys).set_index(list(keys))


def test_a_model_is_worth_as_many_respondents_as_have_its_error() -> None:
    """Two cells with a variance of .75 and an error of .5, less a standard error of .25."""
    sums = sums_of(1, 1).assign(
        cells=2,
        human_variance=1.5,
        squared_error=2 * (0.25 - 0.0625),
        total_variation=0.5,
        uniform_total_variation=1.0,
    )
    (row,) = distances(sums, 5).to_dict("records")
    assert row["effective_respondents"] == 4
    assert row["total_variation_score"] == 50
    assert row["mean_total_variation"] == 0.25
    assert row["interval_null_reason"] == "too_few_batteries"
    (within,) = distances(sums.assign(squared_error=-0.1), 5).to_dict("records")
    assert np.isnan(within["effective_respondents"])


def test_intervals_leave_out_one_battery_after_another() -> None:
    sums = sums_of(7, 2)
    (row,) = distances(sums, 5).to_dict("records")
    freedom = freedom_of_batteries(sums["cells"].to_numpy(float))
    weights = sums["cells"].to_numpy(float) ** 1.5
    assert freedom == pytest.approx(weights.sum() ** 2 / (weights**2).sum() - 1)
    for number, (numerator, denominator) in RATIOS.items():
        ratio = [
            np.log(own[numerator].sum() / own[denominator].sum())
            for own in (sums, *(sums[np.arange(7) != battery] for battery in range(7)))
        ]
        moves = np.array(ratio[1:]) - ratio[0]
        half = t.ppf(0.975, freedom) * np.sqrt(6 / 7 * (moves**2).sum())
        ends = np.exp([ratio[0] - half, ratio[0] + half])
        if number == "total_variation_score":
            ends = 100 * (1 - ends[::-1])
        assert [row[f"{number}_ci_low"], row[f"{number}_ci_high"]] == pytest.approx(list(ends))
        assert row[f"{number}_ci_low"] < row[number] < row[f"{number}_ci_high"]


@pytest.mark.parametrize(
    ("sums", "reason"),
    [
        (sums_of(7, 3), None),
        (sums_of(4, 3), "too_few_batteries"),
        (sums_of(7, 3, "divided"), "thirds_depend_on_all_batteries"),
        (sums_of(7, 3).assign(cells=[900, 1, 1, 1, 1, 1, 1]), "one_battery_dominates"),
        (sums_of(7, 3).assign(absolute_error=0.0), "no_variance"),
    ],
)
def test_no_interval_has_a_reason(sums: pd.DataFrame, reason: str | None) -> None:
    (row,) = distances(sums, 5).to_dict("records")
    found = row["interval_null_reason"]
    assert (None if pd.isna(found) else found) == reason
    assert np.isnan(row["mean_absolute_error_ci_low"]) == (reason is not None)
    assert np.isfinite(row["mean_absolute_error"])


def test_the_mart_has_intervals_around_its_means(agreement: AgreementStudy) -> None:
    mart = read(agreement.home, "select * from marts.agg_distances where stratum = 'all'")
    known = mart[mart["interval_null_reason"].isna()]
    assert len(known) > 0
    for number in RATIOS:
        own = known[known[f"{number}_ci_low"].notna()]
        assert own[number].between(own[f"{number}_ci_low"], own[f"{number}_ci_high"]).all()
