"""The bootstrap of the correlations, against one draw at a time and against its promises."""

import importlib.util
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from tests.dbt_project.agreement_study import EUROPE, AgreementStudy
from tests.dbt_project.study import build_successfully, read
from warehouse.home import DBT_PROJECT

REPLICATES = 1000
SEED = 20220


@pytest.fixture(scope="module")
def intervals_model() -> ModuleType:
    path = DBT_PROJECT / "models" / "intermediate" / "int_correlation_intervals.py"
    spec = importlib.util.spec_from_file_location("int_correlation_intervals", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_weighted_moments_give_the_r_of_repeated_questions(intervals_model: ModuleType) -> None:
    random = np.random.default_rng(0)
    weights = random.integers(0, 3, size=(4, 12)).astype(float)
    human = random.uniform(-1, 1, size=(2, 4, 12))
    model = random.uniform(-1, 1, size=(2, 12, 3))
    present = (random.uniform(size=(2, 12, 3)) < 0.8).astype(float)
    r = intervals_model.weighted_correlations(weights, human, model * present, present)
    for country, draw, design in np.ndindex(2, 4, 3):
        times = (weights[draw] * present[country, :, design]).astype(int)
        expected = pearsonr(
            np.repeat(model[country, :, design], times), np.repeat(human[country, draw], times)
        )
        assert r[country, draw, design] == pytest.approx(expected.statistic, abs=1e-9)


def test_a_draw_of_one_question_has_no_r(intervals_model: ModuleType) -> None:
    weights = np.array([[3.0, 0.0, 0.0]])
    scores = np.array([0.1, 0.3, -0.2])
    r = intervals_model.weighted_correlations(
        weights, scores[None, None, :], scores[None, :, None], np.ones((1, 3, 1))
    )
    assert np.isnan(r).all()


def test_a_draw_takes_whole_batteries(intervals_model: ModuleType) -> None:
    batteries = np.array([0, 0, 1, 2, 2, 2])
    blocks = list(intervals_model.draws(batteries, 3, 120, seed=1))
    weights = np.concatenate([block for block, _ in blocks])
    assert weights.shape == (120, 6)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, 0] + weights[:, 2] + weights[:, 3] == 3).all()


def cells_of(agreement: AgreementStudy, model_id: str) -> pd.DataFrame:
    return read(
        agreement.home,
        f"""select * from intermediate.int_comparable_cells
        where model_id = '{model_id}' and prompt_id = 'native'
        order by country_id, question_id""",
    )


def draws_one_by_one(
    intervals_model: ModuleType, agreement: AgreementStudy, model_id: str
) -> dict[str, list[float]]:
    """r of every draw of every country, with scipy on repeated questions."""
    everything = read(agreement.home, "select * from intermediate.int_comparable_cells")
    questions = sorted(everything["question_id"].unique())
    countries = sorted(everything["country_id"].unique())
    battery = everything.drop_duplicates("question_id").set_index("question_id")["battery_id"]
    names = sorted(battery.unique())
    batteries = np.array([names.index(battery[question_id]) for question_id in questions])
    own = cells_of(agreement, model_id)
    result: dict[str, list[float]] = {country_id: [] for country_id in countries}
    for weights, deviates in intervals_model.draws(batteries, len(countries), REPLICATES, SEED):
        for country_id, cells in own.groupby("country_id"):
            place = countries.index(str(country_id))
            asked = [questions.index(question_id) for question_id in cells["question_id"]]
            error = cells["human_standard_error"].fillna(0).to_numpy()
            for draw in range(len(weights)):
                times = weights[draw, asked].astype(int)
                moved = cells["human_mean_score"] + error * deviates[place, draw, asked]
                m, h = np.repeat(cells["llm_mean_score"], times), np.repeat(moved, times)
                known = len(m) > 1 and np.std(m) > 1e-7 and np.std(h) > 1e-7
                result[str(country_id)].append(pearsonr(m, h).statistic if known else np.nan)
    return result


def test_intervals_are_the_percentiles_of_draws_made_one_by_one(
    intervals_model: ModuleType, agreement: AgreementStudy
) -> None:
    correlations = draws_one_by_one(intervals_model, agreement, "guessing")
    mart = read(
        agreement.home,
        """select * from marts.agg_country_correlations
        where model_id = 'guessing' and prompt_id = 'native' and ci_low is not null""",
    ).set_index("country_id")
    assert len(mart) >= 10
    for country_id, row in mart.iterrows():
        own = np.array(correlations[str(country_id)])
        low, high = np.nanquantile(own, [0.025, 0.975])
        assert row["ci_low"] == pytest.approx(low, abs=1e-9)
        assert row["ci_high"] == pytest.approx(high, abs=1e-9)
        assert row["ci_low"] < row["pearson_r"] < row["ci_high"]

    europe = read(
        agreement.home,
        """select * from marts.agg_continent_correlations
        where model_id = 'guessing' and prompt_id = 'native' and continent = 'Europe'""",
    ).iloc[0]
    together = np.nanmean([correlations[country_id] for country_id in EUROPE], axis=0)
    low, high = np.quantile(together, [0.025, 0.975])
    assert europe["country_count"] == len(EUROPE)
    assert europe["ci_low"] == pytest.approx(low, abs=1e-9)
    assert europe["ci_high"] == pytest.approx(high, abs=1e-9)


def test_a_continent_of_few_countries_has_no_interval(agreement: AgreementStudy) -> None:
    mart = read(
        agreement.home,
        """select * from marts.agg_continent_correlations
        where country_count between 1 and 4 and pearson_r is not null""",
    )
    assert len(mart) > 3
    assert mart["ci_low"].isna().all()
    assert mart["ci_high"].isna().all()


def test_drawing_again_gives_the_same_intervals_bit_for_bit(agreement: AgreementStudy) -> None:
    query = "select * from intermediate.int_correlation_intervals order by all"
    before = read(agreement.home, query)
    build_successfully(agreement.home, "run", "--select", "int_correlation_intervals")
    pd.testing.assert_frame_equal(read(agreement.home, query), before, check_exact=True)
