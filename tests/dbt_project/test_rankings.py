"""Ranks and their reliability: against scipy, halves asked one by one, and simulated truth."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import rankdata, spearmanr, t
from valuescope_statistics.agreement.cells import Settings
from valuescope_statistics.agreement.rankings import halves, ranking, reliability
from valuescope_statistics.random_answers import RESULT, RandomAnswerSettings, random_answers

from tests.dbt_project.agreement_oracle import Frames, OneByOne, invented, run
from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import read
from tests.dbt_project.test_random_answers import AREAS, answers

Floats = npt.NDArray[np.float64]
SETTINGS = Settings(
    minimum_questions=5, minimum_batteries=5, minimum_countries=5, minimum_reference_countries=3
)
RANKS = ["rank", "rank_low", "rank_high"]


def by_spearman_and_brown(pairs: list[tuple[pd.Series, pd.Series]]) -> float:
    r = np.mean([spearmanr(first, second, nan_policy="omit").statistic for first, second in pairs])
    return float(2 * r / (1 + r) if r > 0 else 2 * r / (1 - r))


def intervals(samples: pd.DataFrame, freedom: float) -> pd.DataFrame:
    """Return each unit's rank and its interval from values whole and without each battery."""
    whole, without = samples.iloc[0].to_numpy(), samples.iloc[1:].to_numpy()
    count, units = without.shape
    rows = []
    for unit in range(units):
        low, high = 1, units
        for other in set(range(units)) - {unit}:
            difference = whole[other] - whole[unit]
            moves = (without[:, other] - without[:, unit]) - difference
            error = np.sqrt((count - 1) / count * (moves**2).sum())
            is_sure = 2 * t.sf(abs(difference) / error, freedom) < 0.05
            low += is_sure and difference > 0
            high -= is_sure and difference < 0
        rows.append((int((whole > whole[unit]).sum()) + 1, low, high))
    return pd.DataFrame(rows, samples.columns, RANKS)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return invented({"able": 0.9, "bright": 0.6, "coarse": 0.1}, countries=12, questions=40)


@pytest.fixture(scope="module")
def found(frames: Frames) -> pd.DataFrame:
    return run(frames, SETTINGS)


@pytest.mark.parametrize("measure", ["pearson_r", "demeaned_pearson_r"])
def test_ranks_of_countries_are_those_of_batteries_dropped_and_halved_one_by_one(
    frames: Frames, found: pd.DataFrame, measure: str
) -> None:
    oracle = OneByOne(frames, SETTINGS)
    values = oracle.design("able")[measure]
    rows = found.query("model_id == 'able' and area_kind == 'country' and measure == @measure")
    rows = rows[rows["other_model_id"].isna()].set_index("area_id")
    expected = intervals(values.samples, freedom=7)
    # Some ranks are surely apart, and some are not.
    assert (expected["rank_low"] > 1).any()
    assert (expected["rank_high"] - expected["rank_low"]).between(1, 10).any()
    pd.testing.assert_frame_equal(rows[RANKS], expected, check_dtype=False, check_names=False)
    assert set(rows["ranked_count"]) == {12}
    names = sorted(set(oracle.battery))
    scores = oracle.scores("able")
    of_halves = []
    for half in halves(len(names)):
        inside = oracle.battery.isin(np.array(names)[half])
        cells = scores.where(inside)
        demeaned = (
            cells.sub(scores[sorted(oracle.reference)].mean(axis=1), axis=0),
            oracle.human.sub(oracle.human[sorted(oracle.reference)].mean(axis=1), axis=0),
        )
        model, human = (cells, oracle.human) if measure == "pearson_r" else demeaned
        of_halves.append(model.corrwith(human.where(inside)))
    pairs = list(pairwise(of_halves))[::2]
    assert len(pairs) == 100
    assert rows["ranking_reliability"].to_numpy() == pytest.approx(by_spearman_and_brown(pairs))


def test_ranks_of_models_are_those_of_their_mean_r(frames: Frames, found: pd.DataFrame) -> None:
    oracle = OneByOne(frames, SETTINGS)
    models = sorted(set(frames.cells["model_id"]))
    means = {name: oracle.design(name)["pearson_r"].samples.mean(axis=1) for name in models}
    rows = found.query("area_kind == 'world' and measure == 'pearson_r'")
    rows = rows[rows["other_model_id"].isna()].set_index("model_id")
    expected = intervals(pd.DataFrame(means), freedom=7)
    assert list(expected["rank"]) == [1, 2, 3]
    assert (expected["rank_low"] == expected["rank_high"]).any()
    pd.testing.assert_frame_equal(rows[RANKS], expected, check_dtype=False, check_names=False)
    assert set(rows["ranking_null_reason"]) == {"too_few_ranked"}


def test_no_half_shares_a_battery_with_the_other() -> None:
    for count in (2, 7, 49):
        both = halves(count).reshape(-1, 2, count)
        assert (both.sum(axis=1) == 1).all()
        assert (both[:, 0].sum(axis=1) == count // 2).all()
        # Every two batteries are apart in some divisions and together in others.
        first = both[:, 0].astype(int)
        together = first.T @ first + (1 - first).T @ (1 - first)
        apart = together[~np.eye(count, dtype=bool)]
        assert (apart < 100).all()
        assert count == 2 or (apart > 0).all()


def drawn(
    random: np.random.Generator, spread: float, sizes: npt.NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Return true values of 40 units, and what each battery says of them (units x batteries)."""
    truth = random.normal(0, spread, 40)
    shared = random.normal(0, 2, len(sizes))
    own = random.normal(0, 1, (40, len(sizes))) * np.sqrt(0.4 + 0.6 / sizes)
    return truth, truth[:, None] + shared + own


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.2, 0.6])
def test_reliability_and_intervals_hold_on_simulated_truth(spread: float) -> None:
    """Units' values are means over the items of 49 batteries as unequal as the survey's."""
    sizes = np.array([25, 19, 11, 9, 8, 7, 6, 6, 5, 5, *[3] * 14, *[2] * 12, *[1] * 13])
    random = np.random.default_rng([3, round(100 * spread)])
    weights = sizes / sizes.sum()
    stated, again, covered = [], [], []
    for _ in range(60):
        truth, said = drawn(random, spread, sizes)
        other = truth[:, None] + drawn(random, 0, sizes)[1]
        whole = said @ weights
        moves = (said @ weights)[:, None] - said * weights
        moves = moves / (1 - weights) - whole[:, None]
        half = halves(len(sizes)) * sizes
        divided = said @ (half / half.sum(axis=1, keepdims=True)).T
        result = ranking(whole, moves, [sizes] * 40, divided, 5, 5)
        assert list(result.rank) == list(rankdata(-whole))
        stated.append(result.ranking_reliability)
        again.append(spearmanr(whole, other @ weights).statistic)
        if spread:
            true_rank = rankdata(-truth)
            covered.append((result.rank_low <= true_rank) & (true_rank <= result.rank_high))
    error = np.std(again) / np.sqrt(len(again))
    error += np.std(stated) / np.sqrt(len(stated))
    assert np.mean(stated) == pytest.approx(np.mean(again), abs=0.02 + 2 * error)
    # Cut at 0, chance would have a mean above it.
    assert spread > 0 or np.maximum(stated, 0).mean() > 0.04
    assert spread < 0.5 or np.mean(stated) > 0.85
    assert spread == 0 or np.mean(covered) >= 0.95


def test_units_that_cannot_be_told_apart_have_all_ranks() -> None:
    values = np.array([0.5, 0.5, 0.5 + 1e-14, 0.4, 0.3])
    moves = np.random.default_rng(1).normal(0, 1, (5, 6))
    sizes = [np.full(6, 3)] * 3 + [np.array([3, 3]), np.full(6, 3)]
    result = ranking(values, moves, sizes, np.full((5, 200), np.nan), 5, 5)
    assert list(result.rank) == [1, 1, 1, 4, 5]
    assert np.array_equal(result.rank_low, [1, 1, 1, np.nan, 1], equal_nan=True)
    assert np.array_equal(result.rank_high, [5, 5, 5, np.nan, 5], equal_nan=True)
    assert result.ranking_null_reason == "too_few_ranked"


def test_halves_that_disagree_have_a_negative_reliability() -> None:
    values = np.arange(6.0)
    turned = np.tile(np.stack([values, -values], axis=1), 100)
    assert reliability(turned, 5) == -1
    assert reliability(np.tile(values[:, None], 200), 5) == 1
    assert np.isnan(reliability(np.zeros((6, 200)), 5))
    assert np.isnan(reliability(turned, 7))


def test_categories_are_ranked_by_distance_from_random_answers() -> None:
    """Six categories of five batteries, of which the model knows some more than others."""
    cells = answers(0, knowledge=0.0)
    number = cells["question_id"].str[1:].astype(int)
    six = (number % 12) // 2
    knowledge = np.array([0, 0.3, 0.6, 1.0, 1.5, 2.0])[six]
    cells = cells.assign(
        category_id=six.astype(str),
        battery_id=six.astype(str) + "-" + (number // 12).astype(str),
        llm_mean_score=cells["llm_mean_score"] + knowledge * cells["human_mean_score"],
    )
    settings = RandomAnswerSettings(200, 1, 5, 10, 5, 5)
    rows = random_answers(cells, AREAS, settings).query("area_kind == 'category'")
    rows = rows.set_index("area_id")
    above = (rows["estimate"] - rows["random_mean"]) / rows["random_standard_deviation"]
    np.testing.assert_allclose(rows["random_distance"].astype(float), above)
    assert list(rows["rank"]) == list(rankdata(-above))
    assert rows["ranking_reliability"].between(0.5, 1).all()
    assert (rows["rank_low"] <= rows["rank"]).all()
    assert (rows["rank"] <= rows["rank_high"]).all()
    assert pa.Table.from_pandas(rows.reset_index(), RESULT, preserve_index=False).num_rows == 6
    assert (rows["rank_high"] - rows["rank_low"]).max() > 0
    # Each has ten questions.
    settings = settings._replace(minimum_ranked=11)
    assert random_answers(cells, AREAS, settings)["rank"].isna().all()


def test_a_question_of_one_country_leaves_other_categories_their_numbers() -> None:
    cells = answers(0, knowledge=0.5)
    before = random_answers(cells, AREAS, RandomAnswerSettings(50, 1, 5, 10, 5, 2))
    alone = (cells["question_id"] == "Q01") & (cells["country_id"] == "C01")
    lacking = cells[alone | (cells["question_id"] != "Q01")].copy()
    lacking.loc[alone[alone].index, "blind_mean_score"] = np.nan
    after = random_answers(lacking, AREAS, RandomAnswerSettings(50, 1, 5, 10, 5, 2))
    names = [set(rows.query("area_kind == 'category'")["area_id"]) for rows in (before, after)]
    assert names == [{"even", "odd"}, {"even"}]


def test_marts_have_the_ranks_of_their_numbers(agreement: AgreementStudy) -> None:
    rows = read(
        agreement.home,
        "select * from marts.agg_country_correlations where pearson_r is not null",
    )
    for number, prefix in (("pearson_r", "r_"), ("demeaned_pearson_r", "demeaned_")):
        known = rows[rows[number].notna()]
        assert len(known) > 20
        for _, own in known.groupby(["model_id", "prompt_id"]):
            expected = own[number].round(12).rank(ascending=False, method="min")
            assert list(own[f"{prefix}rank"]) == list(expected)
            assert (
                own[f"{prefix}rank"]
                .between(own[f"{prefix}rank_low"].fillna(1), own[f"{prefix}rank_high"].fillna(99))
                .all()
            )
        assert known[f"{prefix}ranking_reliability"].between(-1, 1).sum() > 20
        has_none = rows[f"{prefix}ranking_reliability"].isna() & rows[number].notna()
        assert has_none.eq(rows[f"{prefix}ranking_null_reason"].notna()).all()
    is_null = rows["r_rank_low"].isna()
    assert is_null.eq(rows["interval_null_reason"].notna()).all()
