"""What other choices of design and normalisation would have given, against a second calculation."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from tests.dbt_project import oracle
from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import read

FOLDS = 5


def answers_beside_people(study: AgreementStudy, model_id: str, prompt_id: str) -> pd.DataFrame:
    """Every cell with its log-likelihoods `l` and, where there are any, people's shares `r`."""
    scores = study.scores.query("model_id == @model_id and prompt_id == @prompt_id")
    cells = (
        scores.sort_values("choice_index")
        .groupby(oracle.CELL)["log_likelihood"]
        .agg(l=np.array)
        .reset_index()
    )
    coding_id = "paper" if prompt_id == "paper" else "native"
    loads = study.loads[study.loads["population_id"] == "wvs:7:within_country:all"]
    marginals = study.marginals[study.marginals["load_id"].isin(loads["load_id"])]
    people = oracle.human_cells(loads, marginals, study.instrument, coding_id)
    cells = cells.merge(
        people[["country_id", "question_id", "shares"]], on=oracle.CELL, how="left"
    ).rename(columns={"shares": "r"})
    sizes = cells["question_id"].map(lambda q: study.instrument.choice_count(q, coding_id))
    return cells[cells["l"].map(len) == sizes]


def cross_entropy(cells: pd.DataFrame, temperature: float) -> float:
    """People's shares under the model's probabilities at a temperature, in nats."""
    return sum(
        -float(r @ log_softmax(values / temperature))
        for values, r in zip(cells["l"], cells["r"], strict=True)
    )


@pytest.mark.parametrize(
    ("model_id", "prompt_id"),
    [("knowing", "native"), ("guessing", "native"), ("guessing", "paper")],
)
def test_a_country_s_temperature_fits_the_people_of_the_other_folds_best(
    agreement: AgreementStudy, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from intermediate.int_temperatures
        where model_id = '{model_id}' and prompt_id = '{prompt_id}' order by country_id""",
    )
    cells = answers_beside_people(agreement, model_id, prompt_id)
    cells = cells[cells["r"].map(lambda r: r is not None and not np.isscalar(r))]
    countries = sorted(set(cells["country_id"]) - {"ZZZ"})
    assert list(mart["country_id"]) == countries
    by_hash = sorted(countries, key=lambda name: hashlib.md5(name.encode()).hexdigest())
    fold = {name: place % FOLDS for place, name in enumerate(by_hash)}
    assert list(mart["fold"]) == [fold[name] + 1 for name in countries]
    for number in range(FOLDS):
        others = cells[cells["country_id"].map(fold) != number]
        best = minimize_scalar(
            lambda log_t, others=others: cross_entropy(others, np.exp(log_t)),
            bounds=(np.log(0.05), np.log(100)),
            method="bounded",
            options={"xatol": 1e-10},
        )
        own = mart[mart["fold"] == number + 1]
        assert (own["fitted_cell_count"] == len(others)).all()
        assert (own["fitted_country_count"] == others["country_id"].nunique()).all()
        # A minimum is flat, so scipy finds its place to half of the digits only.
        np.testing.assert_allclose(own["temperature"], np.exp(best.x), rtol=1e-5)
        assert cross_entropy(others, own["temperature"].iloc[0]) <= best.fun * (1 + 1e-13)
        assert (own["is_at_bound"] == np.isclose(own["temperature"], 100)).all()


def test_a_model_that_says_the_same_to_everything_has_no_temperature(
    agreement: AgreementStudy,
) -> None:
    mart = read(
        agreement.home, "select * from intermediate.int_temperatures where model_id = 'uniform'"
    )
    assert mart["temperature"].isna().all()
    assert set(mart["null_reason"]) == {"no_variance_in_model"}


def test_every_normalisation_is_a_softmax_of_its_own_value(agreement: AgreementStudy) -> None:
    mart = read(
        agreement.home,
        """select * from marts.fct_normalized_mean_scores
        where model_id = 'guessing' and prompt_id = 'native'""",
    ).set_index(["normalization", "country_id", "question_id"])
    scored = set(
        agreement.instrument.questions.query("scale_kind in ('ordinal', 'binary')")["question_id"]
    )
    temperatures = read(
        agreement.home,
        """select country_id, temperature from intermediate.int_temperatures
        where model_id = 'guessing' and prompt_id = 'native'""",
    ).set_index("country_id")["temperature"]
    cells = answers_beside_people(agreement, "guessing", "native")
    free = cells[cells["country_id"] == "ZZZ"].set_index("question_id")["l"]
    compared = 0
    for cell in cells.to_dict("records"):
        country_id, question_id, values = cell["country_id"], cell["question_id"], cell["l"]
        normalised = {
            "sum": values,
            "per_token": values / 2,
            "per_byte": values / (10 + np.arange(1, len(values) + 1)),
            "label": values * 0.25,
            "pmi": values - free[question_id] if country_id != "ZZZ" else None,
            "temperature": values / temperatures.get(country_id, np.nan),
        }
        for name, value in normalised.items():
            m = mart.loc[(name, country_id, question_id), "llm_mean_score"]
            if value is None or np.isnan(value).any() or question_id not in scored:
                assert np.isnan(m)
            else:
                assert m == pytest.approx(softmax(value) @ oracle.score_of(len(value)), abs=1e-9)
                compared += 1
    assert compared > 3000


def test_the_default_normalisation_stands_beside_the_others(agreement: AgreementStudy) -> None:
    both = read(
        agreement.home,
        """select m.llm_mean_score as expected, n.llm_mean_score as actual
        from marts.fct_mean_scores as m
        inner join marts.fct_normalized_mean_scores as n
            using (model_id, prompt_id, question_id, country_id)
        where n.normalization = 'sum'""",
    )
    assert len(both) > 3000
    np.testing.assert_allclose(both["actual"], both["expected"], rtol=0, atol=1e-12)
