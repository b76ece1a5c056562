"""Groups of people: against scipy, against a jackknife by hand, and where nothing is known."""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import kstest, pearsonr, t
from valuescope_statistics.groups import (
    DIVISION_RESULT,
    GROUP_RESULT,
    TEXTS,
    Limits,
    division_rows,
    group_rows,
    rows_of_designs,
)
from valuescope_statistics.relations import DESIGN

Floats = npt.NDArray[np.float64]
LIMITS = Limits(minimum_questions=5, minimum_batteries=5, seed=1)
COUNTRIES, QUESTIONS, BATTERIES = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"], 40, 12
GROUPS = ["sex=female", "sex=male"]
SIX = [f"sex={sex},age={age}" for sex, age in product("fm", ["30-49", "50", "under-30"])]


def cells(
    seed: int,
    *,
    groups: list[str] = GROUPS,
    knowledge: float = 0.0,
    spread: float = 0.1,
    people_spread: float = 0.1,
    error: float = 0.0,
) -> pd.DataFrame:
    """Return one design; `knowledge` is how much of people's deviations the model repeats."""
    random = np.random.default_rng(seed)
    shape = len(COUNTRIES), QUESTIONS, len(groups)
    level = random.normal(0, 0.4, (1, QUESTIONS, 1))
    true = people_spread * random.normal(size=shape)
    own = spread * random.normal(size=shape)
    rows = pd.DataFrame(
        [
            (country, f"Q{question:02d}", f"b{question % BATTERIES:02d}", group)
            for country in COUNTRIES
            for question in range(QUESTIONS)
            for group in groups
        ],
        columns=["country_id", "question_id", "battery_id", "group_id"],
    )
    rows["human_mean_score"] = (level + true + error * random.normal(size=shape)).ravel()
    rows["llm_mean_score"] = (0.5 * level + knowledge * true + own).ravel()
    rows["human_standard_error"] = error
    rows["total_variation"] = random.uniform(0, 1, len(rows))
    rows["wasserstein_1"] = random.uniform(0, 2, len(rows))
    country = np.repeat(random.normal(0, 0.4, len(rows) // len(groups)), len(groups))
    rows["country_llm_mean_score"] = country + 0.5 * np.repeat(
        np.tile(level.ravel(), len(COUNTRIES)), len(groups)
    )
    return apart(rows)


def apart(rows: pd.DataFrame) -> pd.DataFrame:
    """Add deviations where no group lacks people."""
    rows = rows.assign(division_id=rows["group_id"].str.replace(r"=[^,]*", "", regex=True))
    together = rows.groupby(["country_id", "question_id", "division_id"])
    whole = together["human_mean_score"].transform("count") == rows["group_id"].nunique()
    for side in ("llm", "human"):
        score = rows[f"{side}_mean_score"]
        mean = together[f"{side}_mean_score"].transform("mean")
        rows[f"{side}_deviation"] = (score - mean).where(whole)
    return rows


def jackknife(rows: pd.DataFrame, statistic: Any) -> float:
    """Return the error over batteries, by leaving rows out."""
    batteries = sorted(rows["battery_id"].unique())
    values = [statistic(rows[rows["battery_id"] != battery]) for battery in batteries]
    squares = (np.array(values) - statistic(rows)) ** 2
    return float(np.sqrt((len(batteries) - 1) / len(batteries) * squares.sum()))


def r_of(x: str, y: str) -> Any:
    return lambda rows: float(pearsonr(rows[x], rows[y]).statistic)


def test_each_groups_measures_are_those_of_scipy_and_their_errors_a_jackknifes() -> None:
    rows = cells(1, knowledge=0.6)
    rows.loc[[0, 5, 17], "human_mean_score"] = np.nan
    rows = apart(rows.drop(columns=["llm_deviation", "human_deviation"]))
    r = r_of("llm_mean_score", "human_mean_score")
    country_r = r_of("country_llm_mean_score", "human_mean_score")
    measures = {
        "pearson_r": r,
        "gain": lambda rows: r(rows) - country_r(rows),
        "mean_total_variation": lambda rows: rows["total_variation"].mean(),
        "mean_wasserstein_1": lambda rows: rows["wasserstein_1"].mean(),
    }
    for row in group_rows(rows, LIMITS):
        of_group = (rows["country_id"] == row["country_id"]) & (rows["group_id"] == row["group_id"])
        own = rows[of_group]
        compared = own[own["human_mean_score"].notna()]
        assert row["question_count"] == len(compared)
        for name, statistic in measures.items():
            assert row[name] == pytest.approx(statistic(compared), abs=1e-12)
            expected = jackknife(compared, statistic)
            assert row[f"{name}_standard_error"] == pytest.approx(expected, abs=1e-12)
        assert row["country_prompt_r"] == pytest.approx(country_r(compared), abs=1e-12)
        whole = own[own["human_deviation"].notna()]
        deviation_r = r_of("llm_deviation", "human_deviation")
        assert row["deviation_r"] == pytest.approx(deviation_r(whole), abs=1e-12)
        expected = jackknife(whole, deviation_r)
        assert row["deviation_r_standard_error"] == pytest.approx(expected, abs=1e-12)
        assert row["deviation_question_count"] == len(whole)


@pytest.mark.parametrize("groups", [GROUPS, SIX])
def test_a_divisions_r_and_spreads_are_those_of_all_its_cells(groups: list[str]) -> None:
    rows = cells(2, groups=groups, knowledge=0.5, error=0.03)
    (row,) = division_rows(rows, LIMITS)
    deviation_r = r_of("llm_deviation", "human_deviation")
    assert row["deviation_r"] == pytest.approx(deviation_r(rows), abs=1e-12)
    expected = jackknife(rows, deviation_r)
    assert row["deviation_r_standard_error"] == pytest.approx(expected, abs=1e-12)

    def spread(side: str, rows: pd.DataFrame) -> float:
        table = rows.pivot(
            index=["country_id", "question_id"], columns="group_id", values=f"{side}_mean_score"
        )
        return float(table.var(axis=1, ddof=1).mean())

    def ratio(rows: pd.DataFrame) -> float:
        return float(np.sqrt(spread("llm", rows) / (spread("human", rows) - 0.03**2)))

    assert row["llm_spread"] == pytest.approx(np.sqrt(spread("llm", rows)), abs=1e-12)
    assert row["stereotyping"] == pytest.approx(ratio(rows), abs=1e-12)
    expected = jackknife(rows, ratio)
    assert row["stereotyping_standard_error"] == pytest.approx(expected, abs=1e-12)
    assert row["cell_count"] == len(rows)
    assert (row["group_count"], row["country_count"]) == (len(groups), len(COUNTRIES))


def test_sampling_error_of_people_does_not_hide_stereotyping() -> None:
    """A model that says what groups truly are has the ratio 1 however small the samples are."""
    found = [
        division_rows(cells(seed, knowledge=1, spread=0, error=0.1), LIMITS)[0]["stereotyping"]
        for seed in range(40)
    ]
    assert np.mean(found) == pytest.approx(1, abs=0.04)


def test_intervals_are_on_fishers_scale_or_of_the_logarithm() -> None:
    rows = cells(2, knowledge=0.5, error=0.03)
    # Five equal batteries, so that t has 4 degrees of freedom.
    rows["battery_id"] = rows["question_id"].str[-2:].astype(int).mod(5).astype(str)
    (row,) = division_rows(rows, LIMITS)
    deviation_r = r_of("llm_deviation", "human_deviation")
    error = jackknife(rows, lambda some: np.arctanh(deviation_r(some)))
    ends = np.tanh(np.arctanh(row["deviation_r"]) + np.array([-1, 1]) * t.ppf(0.975, 4) * error)
    found = [row["deviation_r_ci_low"], row["deviation_r_ci_high"]]
    assert found == pytest.approx(list(ends), abs=1e-12)
    error = jackknife(rows, lambda some: np.log(division_rows(some, LIMITS)[0]["stereotyping"]))
    ends = np.log(row["stereotyping"]) + np.array([-1, 1]) * t.ppf(0.975, 4) * error
    found = [row["stereotyping_ci_low"], row["stereotyping_ci_high"]]
    assert found == pytest.approx(list(np.exp(ends)), abs=1e-12)


def test_p_counts_the_shuffles_of_labels_within_batteries() -> None:
    """With two groups and six batteries each of 64 changes of sign is as likely."""
    rows = cells(4, knowledge=0.1)
    rows["battery_id"] = rows["question_id"].str[-2:].astype(int).mod(6).astype(str)
    (row,) = division_rows(rows, LIMITS)
    products = rows["llm_deviation"] * rows["human_deviation"]
    by_battery = products.groupby(rows["battery_id"]).sum().to_numpy()
    every = np.array([by_battery @ signs for signs in product([1, -1], repeat=6)])
    exact = (every >= by_battery.sum() - 1e-12).mean()
    assert 0.05 < exact < 0.95
    assert row["shuffled_p_value"] == pytest.approx(exact, abs=0.04)


@pytest.mark.parametrize("groups", [GROUPS, SIX])
def test_a_model_without_knowledge_has_any_p_and_one_with_it_a_small_one(groups: list[str]) -> None:
    """A guess is the same in all countries, and so is much of what people say."""
    nothing = []
    for seed in range(60):
        rows = cells(seed, groups=groups)
        for side in ("llm", "human"):
            score = rows[f"{side}_mean_score"]
            everywhere = score.groupby([rows["question_id"], rows["group_id"]]).transform("mean")
            rows[f"{side}_mean_score"] = everywhere + 0.3 * (score - everywhere)
        nothing.append(division_rows(apart(rows), LIMITS)[0])
    p_values = np.array([row["shuffled_p_value"] for row in nothing])
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert (p_values <= 0.05).mean() < 0.13
    (knowing,) = division_rows(cells(9, groups=groups, knowledge=1), LIMITS)
    assert knowing["shuffled_p_value"] < 0.04
    assert knowing["deviation_r"] > 0.5


def test_what_cannot_be_compared_has_a_reason() -> None:
    def reasons(rows: pd.DataFrame) -> tuple[Any, ...]:
        division = division_rows(apart(rows), LIMITS)[0]
        group = group_rows(apart(rows), LIMITS)[0]
        names = ("null_reason", "stereotyping_null_reason")
        return (
            *(division[name] for name in names),
            group["null_reason"],
            group["deviation_null_reason"],
        )

    rows = cells(5)
    not_surveyed = rows.assign(human_mean_score=np.nan)
    assert reasons(not_surveyed) == ("group_not_surveyed",) * 4
    assert reasons(rows[rows["question_id"] < "Q04"]) == ("too_few_questions",) * 4
    same = rows.assign(llm_mean_score=rows["country_llm_mean_score"])
    assert reasons(same) == ("no_variance_in_model", None, None, "no_variance_in_model")
    assert division_rows(apart(same), LIMITS)[0]["stereotyping"] == 0
    alike = cells(6, people_spread=0.001, error=0.05)
    alike["human_standard_error"] = 0.1
    assert reasons(alike)[1] == "no_spread_in_people"
    half = rows.copy()
    half.loc[half["group_id"] == GROUPS[0], "human_mean_score"] = np.nan
    assert reasons(half)[2:] == ("group_not_surveyed", "group_not_surveyed")
    assert group_rows(apart(half), LIMITS)[1]["null_reason"] is None
    assert group_rows(apart(half), LIMITS)[1]["deviation_null_reason"] == "too_few_questions"


def test_few_batteries_give_no_error() -> None:
    few = cells(7)
    few["battery_id"] = few["question_id"].str[-1:].astype(int).mod(4).astype(str)
    (row,) = division_rows(few, LIMITS)
    assert np.isnan(row["deviation_r_standard_error"])
    assert np.isnan(group_rows(few, LIMITS)[0]["pearson_r_standard_error"])


def test_designs_are_apart_and_fit_their_tables() -> None:
    both = pd.concat(
        cells(seed).assign(**dict.fromkeys(DESIGN, name)) for seed, name in ((1, "a"), (2, "b"))
    )
    for rows_of, result in ((group_rows, GROUP_RESULT), (division_rows, DIVISION_RESULT)):
        found = rows_of_designs(both, rows_of, result, LIMITS)
        own = found[found["model_id"] == "b"].reset_index(drop=True)
        mixed = both[both["model_id"] == "b"].sample(frac=1, random_state=1)
        for name in TEXTS:
            mixed[name] = pd.Categorical(mixed[name], categories=mixed[name].unique())
        alone = rows_of_designs(mixed, rows_of, result, LIMITS)
        assert pa.Table.from_pandas(alone, result, preserve_index=False).num_rows == len(own)
        pd.testing.assert_frame_equal(own, alone, check_exact=True)
