"""Ways of asking one model against a second calculation, in numpy and scipy from what landed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr, wasserstein_distance

from tests.dbt_project.study import (
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
from valuescope.warehouse.tables.saved_queries import statement

Floats = NDArray[np.float64]

# As many as the means that demeaned r takes off need.
COUNTRIES = [
    *("ARG", "BRA", "CHN", "DEU", "EGY", "IND"),
    *("JPN", "KEN", "MEX", "NGA", "TUR", "USA"),
]
NOMINAL = "Q152"
QUESTIONS = ["Q1", "Q27", "Q46", "Q57", "Q106", "Q122", "Q177", "Q182", "Q199", NOMINAL]
DRAWS = 50
# What the model is asked, in its orders; percentages in one.
WAYS = {
    "likelihood": ("forward", "reverse"),
    "sampled": ("forward", "reverse"),
    "verbalised": ("forward",),
}
# Named 0% of every choice.
NOTHING = ("verbalised", "forward", "Q27", "CHN")


@dataclass
class Study:
    """A built warehouse, with the shares and the sums of percentages that landed."""

    home: Home
    shares: dict[tuple[str, str, str, str], Floats] = field(default_factory=dict)
    sums: dict[tuple[str, str], float] = field(default_factory=dict)


@pytest.fixture(scope="module")
def study(instrument: Instrument, new_home: Callable[[], Home]) -> Study:
    study = Study(new_home())
    add_load(study.home, "people", random_counts(instrument, QUESTIONS, COUNTRIES, seed=1))
    random = np.random.default_rng(8)
    land_model(study.home, "model")
    truth = {
        cell: random.dirichlet(np.ones(instrument.choice_count(cell[0])))
        for cell in product(QUESTIONS, [*COUNTRIES, "ZZZ"])
    }
    for way, orders in WAYS.items():
        for order in orders:
            _land(study, way, order, truth, random)
    build_successfully(study.home, *WITHOUT_TESTS, "--select", "+cmp_elicitations")
    return study


def _land(
    study: Study,
    way: str,
    order: str,
    truth: dict[tuple[str, str], Floats],
    random: np.random.Generator,
) -> None:
    prompt_id = f"{way}-{order}"
    land_design(
        study.home,
        prompt_id,
        elicitation=way,
        answer_style="label",
        choice_order=order,
        order_family_id=f"{way}-averaged",
        template_id="percentages" if way == "verbalised" else "paper",
        template_text="percent" if way == "verbalised" else "{question}",
        temperature=1.0 if way == "sampled" else None,
    )
    land_run(study.home, prompt_id, "model", prompt_id)
    cells = []
    for (question_id, country_id), shares in truth.items():
        own: dict[str, object] = {"off_choice_mass": 0.0}
        if way == "likelihood":
            found = 0.8 * shares + 0.2 * random.dirichlet(np.ones(len(shares)))
        elif way == "sampled":
            found = random.multinomial(DRAWS, shares) / DRAWS
            own["draws"] = DRAWS
        else:
            numbers = random.integers(0, 101, len(shares))
            if (way, order, question_id, country_id) == NOTHING:
                numbers = 0 * numbers
            own = {"stated_sum": numbers.sum() / 100, "off_choice_mass": float(not numbers.any())}
            study.sums[question_id, country_id] = numbers.sum() / 100
            found = numbers / max(1, numbers.sum())
        study.shares[way, order, question_id, country_id] = found
        with np.errstate(divide="ignore"):
            log_likelihoods = np.log(found)
        names = {
            "run_id": prompt_id,
            "model_id": "model",
            "prompt_id": prompt_id,
            "question_id": question_id,
            "country_id": country_id,
            "text_sha256": prompt_id,
        }
        cells.append(({**names, **own}, list(log_likelihoods)))
    land_cells(study.home, cells)


def cells_of(study: Study, way: str, order: str) -> dict[tuple[str, str], tuple[Floats, float]]:
    """Shares of each cell about a country, and the squared sampling error of its mean score."""
    orders = WAYS[way] if order == "averaged" else (order,)
    found: dict[tuple[str, str], tuple[Floats, float]] = {}
    for cell in product(QUESTIONS, COUNTRIES):
        shares = [study.shares[way, one, *cell] for one in orders]
        if not all(one.any() for one in shares):
            continue
        squares = 0.0
        for one in shares if way == "sampled" else ():
            scores = np.linspace(-1, 1, len(one))
            squares += float(one @ scores**2 - (one @ scores) ** 2) / (DRAWS - 1)
        mean: Floats = np.stack(shares).mean(axis=0)
        found[cell] = mean, squares / len(shares) ** 2
    return found


PAIRS = [
    ("sampled", "likelihood", "averaged"),
    ("verbalised", "likelihood", "forward"),
    ("verbalised", "sampled", "forward"),
]


def row_of(study: Study, pair: tuple[str, str, str]) -> "pd.Series[Any]":
    way, other, _ = pair
    rows = read(
        study.home,
        f"""select * from marts.cmp_elicitations
        where elicitation = '{way}' and other_elicitation = '{other}'""",
    )
    assert len(rows) == 1
    return rows.iloc[0]


def likeliest(shares: Floats) -> set[int]:
    """The choices with the largest share: of few draws they can be several."""
    return set(np.flatnonzero(shares > shares.max() - 1e-12).tolist())


def test_each_way_is_compared_with_those_before_it_in_one_order(study: Study) -> None:
    rows = read(
        study.home,
        """select elicitation, other_elicitation, choice_order, template_id, other_template_id,
        temperature from marts.cmp_elicitations order by all""",
    )
    ways = rows[["elicitation", "other_elicitation", "choice_order"]]
    assert list(map(tuple, ways.to_numpy())) == PAIRS
    assert list(rows["template_id"]) == ["paper", "percentages", "percentages"]
    assert set(rows["other_template_id"]) == {"paper"}
    assert list(rows["temperature"].fillna(0)) == [1, 0, 0]


def test_the_saved_question_shows_each_pair_of_one_model_or_all(study: Study) -> None:
    question = "does_it_matter_how_it_is_asked"
    rows = read(study.home, statement(question))
    shown = rows[["elicitation", "other_elicitation", "choice_order"]]
    assert sorted(map(tuple, shown.to_numpy())) == sorted(PAIRS)
    (model,) = read(study.home, "select model_name from marts.dim_models")["model_name"]
    pd.testing.assert_frame_equal(read(study.home, statement(question, {"model": model})), rows)
    assert len(read(study.home, statement(question, {"model": "another"}))) == 0


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_distance_between_ways_is_over_the_cells_of_both(
    study: Study, pair: tuple[str, str, str]
) -> None:
    way, other, order = pair
    own, others = cells_of(study, way, order), cells_of(study, other, order)
    both = sorted(own.keys() & others.keys())
    scored = [cell for cell in both if cell[0] != NOMINAL]
    scale = {cell: np.linspace(-1, 1, len(own[cell][0])) for cell in both}
    m = np.array([own[cell][0] @ scale[cell] for cell in scored])
    n = np.array([others[cell][0] @ scale[cell] for cell in scored])
    errors = np.array([own[cell][1] + others[cell][1] for cell in scored])
    expected = {
        "cell_count": len(both),
        "unanswered_cell_count": len(QUESTIONS) * len(COUNTRIES) - len(both),
        "scored_cell_count": len(scored),
        "mean_score_pearson_r": pearsonr(m, n).statistic,
        "mean_total_variation": np.mean(
            [abs(own[cell][0] - others[cell][0]).sum() / 2 for cell in both]
        ),
        "mean_wasserstein_1": np.mean(
            [
                wasserstein_distance(scale[cell], scale[cell], own[cell][0], others[cell][0])
                for cell in scored
            ]
        ),
        "mean_score_bias": (m - n).mean(),
        "rms_score_difference": np.sqrt(((m - n) ** 2).mean()),
        "rms_sampling_error": (np.sqrt(errors.mean()) if "sampled" in pair else np.nan),
    }
    row = row_of(study, pair)
    for column, value in expected.items():
        assert row[column] == pytest.approx(value, abs=1e-9, nan_ok=True), column
    assert row["unanswered_cell_count"] == (way == "verbalised")
    modes = [(likeliest(own[cell][0]), likeliest(others[cell][0])) for cell in both]
    surely = np.mean([a.isdisjoint(b) for a, b in modes])
    perhaps = np.mean([len(a | b) > 1 for a, b in modes])
    assert surely <= row["modal_answer_changed_share"] <= perhaps
    assert perhaps - surely < 0.2


def test_the_sums_of_percentages_are_kept(study: Study) -> None:
    sums = np.array([study.sums[cell] for cell in product(QUESTIONS, COUNTRIES)])
    row = row_of(study, PAIRS[1])
    assert row["mean_stated_sum"] == pytest.approx(sums.mean())
    assert row["other_sum_share"] == pytest.approx((sums != 1).mean())
    assert np.isnan(row_of(study, PAIRS[0])["mean_stated_sum"])


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_r_with_people_is_of_both_over_the_same_cells(
    study: Study, pair: tuple[str, str, str]
) -> None:
    way, other, order = pair
    own, others = cells_of(study, way, order), cells_of(study, other, order)
    people = read(
        study.home,
        """select question_id, country_id, human_mean_score as h
        from marts.fct_human_mean_scores where coding_id = 'native'""",
    ).set_index(["question_id", "country_id"])["h"]
    r: dict[str, list[float]] = {"own": [], "other": []}
    for country in COUNTRIES:
        cells = [
            (question, country)
            for question in QUESTIONS
            if question != NOMINAL and (question, country) in own.keys() & others.keys()
        ]
        h = [people[cell] for cell in cells]
        for name, found in (("own", own), ("other", others)):
            m = [found[cell][0] @ np.linspace(-1, 1, len(found[cell][0])) for cell in cells]
            r[name].append(float(pearsonr(m, h).statistic))
    row = row_of(study, pair)
    assert row["country_count"] == len(COUNTRIES)
    assert row["pearson_r"] == pytest.approx(np.mean(r["own"]), abs=1e-9)
    assert row["other_pearson_r"] == pytest.approx(np.mean(r["other"]), abs=1e-9)
    delta = np.mean(r["own"]) - np.mean(r["other"])
    assert row["pearson_r_delta"] == pytest.approx(delta, abs=1e-9)
    assert row["pearson_r_delta_ci_low"] < delta < row["pearson_r_delta_ci_high"]
    assert row["demeaned_pearson_r_delta"] == pytest.approx(
        row["demeaned_pearson_r"] - row["other_demeaned_pearson_r"], abs=1e-9
    )


def test_a_verdict_needs_averaged_orders(study: Study) -> None:
    assert row_of(study, PAIRS[0])["verdict"] in ("higher", "lower", "not distinguishable")
    assert row_of(study, PAIRS[1])["verdict_null_reason"] == "order_not_controlled"
