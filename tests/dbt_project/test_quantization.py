"""Precisions of one model against a second calculation, in numpy from what landed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import pearsonr, spearmanr

from tests.dbt_project.study import (
    SCORED_AT,
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read,
)
from valuescope.warehouse.home import Home

Floats = NDArray[np.float64]
Cell = tuple[str, str, str, str]
Compared = tuple[str, str, str]

COUNTRIES = ["ARG", "CHN", "DEU", "EGY", "JPN", "KEN"]
NOMINAL = "Q152"
QUESTIONS = ["Q1", "Q27", "Q46", "Q57", "Q106", "Q122", "Q177", "Q182", "Q199", NOMINAL]
NOISE = 0.05
ORDERS = ["forward", "reverse"]
ASKED_DIFFERENTLY = ("forward", "Q1", "ARG")
LACKING = ("forward", "Q27", "CHN")


@dataclass
class Study:
    """A built warehouse and the log-likelihoods that landed: of the rows that count, and again."""

    home: Home
    instrument: Instrument
    first: dict[Cell, Floats] = field(default_factory=dict)
    again: dict[Cell, Floats] = field(default_factory=dict)


@pytest.fixture(scope="module")
def study(instrument: Instrument, new_home: Callable[[], Home]) -> Study:
    study = Study(new_home(), instrument)
    add_load(study.home, "people", random_counts(instrument, QUESTIONS, COUNTRIES, seed=1))
    random = np.random.default_rng(5)
    for order in ORDERS:
        land_design(study.home, order, choice_order=order, order_family_id="averaged")
    truth = {
        cell: 2 * random.normal(size=instrument.choice_count(cell[1]))
        for cell in product(ORDERS, QUESTIONS, [*COUNTRIES, "ZZZ"])
    }
    for model_id, precision, size, drift in [
        ("fine", "F16", 16, 0.0),
        ("coarse", "Q4_0", 4, 1.0),
        ("hardly", "Q8_0", 8, 0.0),
    ]:
        land_model(
            study.home,
            model_id,
            f"mine-{precision}",
            file_name=f"mine-{precision}.gguf",
            quantization=precision,
            file_bytes=size,
        )
        for order in ORDERS:
            _land(study, model_id, order, truth, drift, random)
    build_successfully(study.home, *WITHOUT_TESTS, "--select", "+cmp_quantization")
    return study


def _land(
    study: Study,
    model_id: str,
    order: str,
    truth: dict[tuple[str, str, str], Floats],
    drift: float,
    random: np.random.Generator,
) -> None:
    """Score a design, forward also with other batches and, of `coarse`, with coarser weights."""
    runs = [("first", "n1", "f32", 0)]
    if order == "forward":
        runs.append(("again", "n2", "f32", -24))
    if order == "forward" and model_id == "coarse":
        runs.append(("rounded", "n3", "as-is", 24))
    own = {cell: value + drift * random.normal(size=len(value)) for cell, value in truth.items()}
    for name, numerics_id, compute_type, hours in runs:
        run_id = f"{model_id}-{order}-{name}"
        land_run(
            study.home,
            run_id,
            model_id,
            order,
            numerics_id=numerics_id,
            compute_type=compute_type,
            path_difference=0.3 if order == "reverse" else 0.01,
        )
        cells = []
        for cell, value in own.items():
            if cell[0] != order or (model_id == "coarse" and cell == LACKING):
                continue
            noise = 1.0 if name == "rounded" else NOISE
            answers = value + noise * random.normal(size=len(value)) - 9
            is_other_text = model_id == "coarse" and cell == ASKED_DIFFERENTLY
            if name != "rounded":
                (study.first if name == "first" else study.again)[model_id, *cell] = answers
            cells.append(
                (
                    {
                        "run_id": run_id,
                        "model_id": model_id,
                        "prompt_id": order,
                        "question_id": cell[1],
                        "country_id": cell[2],
                        "numerics_id": numerics_id,
                        "text_sha256": "other" if is_other_text else f"{order}{cell[1:]}",
                        "scored_at": SCORED_AT + timedelta(hours=hours),
                    },
                    list(answers),
                )
            )
        land_cells(study.home, cells)


def softmax(values: Floats) -> Floats:
    weights: Floats = np.exp(values - values.max())
    shares: Floats = weights / weights.sum()
    return shares


def probabilities(study: Study, model_id: str, prompt_id: str) -> dict[tuple[str, str], Floats]:
    """Of every cell about a country; the averaged design's are means over both orders."""
    own = {
        order: {
            (question_id, country_id): softmax(values)
            for (model, of, question_id, country_id), values in study.first.items()
            if (model, of) == (model_id, order) and country_id != "ZZZ"
        }
        for order in ORDERS
    }
    if prompt_id != "averaged":
        return own[prompt_id]
    both = own["forward"].keys() & own["reverse"].keys()
    return {cell: (own["forward"][cell] + own["reverse"][cell]) / 2 for cell in both}


def noise_of(study: Study, model_id: str, prompt_id: str) -> float:
    """The pooled deviation of the two numerics, cell by cell and by their mean difference."""
    if prompt_id == "reverse":
        return 0.3
    squares, freedom = 0.0, 0
    for cell, values in study.first.items():
        if cell[:2] == (model_id, "forward"):
            difference = values - study.again[cell]
            squares += ((difference - difference.mean()) ** 2).sum() / 2
            freedom += len(difference) - 1
    forward = np.sqrt(squares / freedom)
    return float(forward if prompt_id == "forward" else np.sqrt((forward**2 + 0.3**2) / 2))


def variance_of_noise(study: Study, model_id: str, prompt_id: str, cell: tuple[str, str]) -> float:
    """Of a cell's mean score: that of each order's, over their number where orders are averaged."""
    orders = ORDERS if prompt_id == "averaged" else [prompt_id]
    moved = 0.0
    for order in orders:
        p = softmax(study.first[model_id, order, *cell])
        scores = np.linspace(-1, 1, len(p))
        moved += ((p * (scores - p @ scores)) ** 2).sum()
    return float(noise_of(study, model_id, prompt_id) ** 2 * moved / len(orders) ** 2)


def expected_cells(study: Study, model_id: str, other_id: str, prompt_id: str) -> pd.DataFrame:
    rows = []
    own, other = (
        probabilities(study, model_id, prompt_id),
        probabilities(study, other_id, prompt_id),
    )
    for question_id, country_id in sorted(own.keys() & other.keys()):
        p, q = own[question_id, country_id], other[question_id, country_id]
        scores = np.linspace(-1, 1, len(p))
        sides = [
            variance_of_noise(study, m, prompt_id, (question_id, country_id))
            for m in (model_id, other_id)
        ]
        is_scored = question_id != NOMINAL
        rows.append(
            {
                "question_id": question_id,
                "country_id": country_id,
                "is_same_text": model_id != "coarse"
                or prompt_id == "reverse"
                or (question_id, country_id) != ASKED_DIFFERENTLY[1:],
                "total_variation": np.abs(p - q).sum() / 2,
                "jensen_shannon_distance": jensenshannon(p, q, base=2),
                "is_modal_answer_changed": p.argmax() != q.argmax(),
                "llm_mean_score": p @ scores if is_scored else np.nan,
                "other_llm_mean_score": q @ scores if is_scored else np.nan,
                "noise_floor": np.sqrt(sum(sides)) if is_scored else np.nan,
            }
        )
    return pd.DataFrame(rows)


PAIRS = [("coarse", "fine"), ("hardly", "fine"), ("coarse", "hardly")]
PROMPTS = ["forward", "reverse", "averaged"]


@pytest.fixture(params=list(product(PAIRS, PROMPTS)), ids=lambda p: f"{'-'.join(p[0])}-{p[1]}")
def compared(request: pytest.FixtureRequest) -> Compared:
    pair, prompt_id = request.param
    return *pair, prompt_id


def rows_of(study: Study, mart: str, compared: Compared) -> pd.DataFrame:
    model_id, other_id, prompt_id = compared
    return read(
        study.home,
        f"""select * from marts.{mart} where model_id = '{model_id}'
        and other_model_id = '{other_id}' and prompt_id = '{prompt_id}' order by all""",
    )


def test_the_smaller_file_is_compared_with_each_larger_one(study: Study) -> None:
    pairs = read(study.home, "select distinct model_id, other_model_id from marts.cmp_quantization")
    assert set(map(tuple, pairs.to_numpy())) == set(PAIRS)


@pytest.mark.parametrize("model_id", ["fine", "coarse"])
@pytest.mark.parametrize("prompt_id", PROMPTS)
def test_noise_is_the_pooled_deviation_of_numerics_that_round_alike(
    study: Study, model_id: str, prompt_id: str
) -> None:
    noise = read(
        study.home,
        f"""select * from intermediate.int_numerical_noise
        where model_id = '{model_id}' and prompt_id = '{prompt_id}'""",
    ).iloc[0]
    assert noise["log_likelihood_noise"] == pytest.approx(noise_of(study, model_id, prompt_id))
    if prompt_id == "forward":
        assert noise["noise_basis"] == "repeated_numerics"
        assert noise["log_likelihood_noise"] == pytest.approx(NOISE, rel=0.15)
    else:
        assert noise["noise_basis"] == "path_difference"


def test_every_cell_drifts_as_numpy_says(study: Study, compared: Compared) -> None:
    mart = rows_of(study, "cmp_quantization_cells", compared)
    both = mart.merge(
        expected_cells(study, *compared),
        on=["question_id", "country_id"],
        how="outer",
        suffixes=("", "_expected"),
    )
    assert len(both) == len(mart) >= 59
    assert (both["is_same_text"] == both["is_same_text_expected"]).all()
    np.testing.assert_allclose(
        both["llm_mean_score"], both["llm_mean_score_expected"], rtol=0, atol=1e-9
    )
    alike = both[both["is_same_text"]]
    for column in (
        "total_variation",
        "jensen_shannon_distance",
        "is_modal_answer_changed",
        "other_llm_mean_score",
        "noise_floor",
    ):
        np.testing.assert_allclose(
            alike[column].astype(float),
            alike[f"{column}_expected"].astype(float),
            rtol=0,
            atol=1e-9,
            err_msg=column,
        )
    assert both.loc[~both["is_same_text"], "total_variation"].isna().all()


def test_the_summary_is_over_cells_asked_alike(study: Study, compared: Compared) -> None:
    mart = rows_of(study, "cmp_quantization", compared).iloc[0]
    everything = expected_cells(study, *compared)
    cells = everything[everything["is_same_text"]]
    drift = (cells["llm_mean_score"] - cells["other_llm_mean_score"]).dropna()
    scored = cells.dropna(subset=["llm_mean_score"])
    expected = {
        "cell_count": len(cells),
        "differently_asked_cell_count": len(everything) - len(cells),
        "scored_cell_count": len(drift),
        "mean_total_variation": cells["total_variation"].mean(),
        "largest_total_variation": cells["total_variation"].max(),
        "mean_jensen_shannon_distance": cells["jensen_shannon_distance"].mean(),
        "modal_answer_changed_share": cells["is_modal_answer_changed"].mean(),
        "mean_score_bias": drift.mean(),
        "mean_absolute_score_drift": drift.abs().mean(),
        "rms_score_drift": np.sqrt((drift**2).mean()),
        "mean_score_pearson_r": pearsonr(
            scored["llm_mean_score"], scored["other_llm_mean_score"]
        ).statistic,
        "rms_noise_floor": np.sqrt((scored["noise_floor"] ** 2).mean()),
        "drift_to_noise_ratio": np.sqrt((drift**2).mean() / (scored["noise_floor"] ** 2).mean()),
    }
    for column, value in expected.items():
        assert mart[column] == pytest.approx(value, abs=1e-9), column


def test_r_of_both_is_over_the_same_cells(study: Study, compared: Compared) -> None:
    mart = rows_of(study, "cmp_quantization", compared).iloc[0]
    people = read(
        study.home,
        """select country_id, question_id, human_mean_score as h
        from marts.fct_human_mean_scores where coding_id = 'native'""",
    )
    cells = expected_cells(study, *compared).merge(people, on=["country_id", "question_id"])
    cells = cells[cells["is_same_text"]].dropna(subset=["llm_mean_score", "h"])
    own, other = [], []
    for _, of_country in cells.groupby("country_id"):
        own.append(pearsonr(of_country["llm_mean_score"], of_country["h"]).statistic)
        other.append(pearsonr(of_country["other_llm_mean_score"], of_country["h"]).statistic)
    assert mart["country_count"] == len(COUNTRIES)
    assert mart["pearson_r"] == pytest.approx(np.mean(own), abs=1e-9)
    assert mart["other_pearson_r"] == pytest.approx(np.mean(other), abs=1e-9)
    assert mart["pearson_r_delta"] == pytest.approx(np.mean(own) - np.mean(other), abs=1e-9)
    assert mart["country_rank_rho"] == pytest.approx(spearmanr(own, other).statistic, abs=1e-9)


def test_a_drift_within_well_measured_noise_is_no_difference(study: Study) -> None:
    mart = rows_of(study, "cmp_quantization", ("hardly", "fine", "forward")).iloc[0]
    assert 0.5 < mart["drift_to_noise_ratio"] < 1.5
    assert mart["answer"] == "no difference beyond numerical noise"


def test_a_largest_difference_excuses_no_drift(study: Study) -> None:
    mart = rows_of(study, "cmp_quantization", ("hardly", "fine", "reverse")).iloc[0]
    assert mart["drift_to_noise_ratio"] < 1
    assert mart["noise_basis"] == "path_difference"
    assert mart["answer"] != "no difference beyond numerical noise"
