"""What other choices of design and normalisation would have given, against a second calculation."""

import hashlib
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from valuescope_statistics.temperatures import design_temperatures
from valuescope_statistics.variance_components import components, model_components, variances

from tests.dbt_project import oracle
from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import read

FOLDS = 5
NORMALIZATIONS = ["sum", "per_token", "per_byte", "label", "pmi", "temperature"]
FACTORS = ["choice_order", "template", "answer_style", "chat_mode", "wording", "elicitation"]


class Answers:
    """Models' cells with log-likelihoods `l` beside people's `shares`, computed once a module."""

    def __init__(self, study: AgreementStudy) -> None:
        self.study = study
        self.people = cache(self._people)
        self.of = cache(self._of)

    def _people(self, coding_id: str) -> pd.DataFrame:
        loads = self.study.loads[self.study.loads["population_id"] == "wvs:7:within_country:all"]
        marginals = self.study.marginals[self.study.marginals["load_id"].isin(loads["load_id"])]
        return oracle.with_blind_scores(
            oracle.human_cells(loads, marginals, self.study.instrument, coding_id)
        )

    def _of(self, model_id: str, prompt_id: str) -> pd.DataFrame:
        scores = self.study.scores.query("model_id == @model_id and prompt_id == @prompt_id")
        cells = scores.sort_values("choice_index").groupby(oracle.CELL)["log_likelihood"]
        coding_id = "paper" if prompt_id == "paper" else "native"
        joined = (
            cells.agg(l=np.array)
            .reset_index()
            .merge(
                self.people(coding_id)[[*oracle.CELL, "shares", "h", "b"]],
                on=oracle.CELL,
                how="left",
            )
        )
        count = self.study.instrument.choice_count
        sizes = joined["question_id"].map(lambda question: count(question, coding_id))
        return joined[joined["l"].map(len) == sizes]


@pytest.fixture(scope="module")
def answers(agreement: AgreementStudy) -> Answers:
    return Answers(agreement)


def normalised_values(cell: dict[Any, Any], temperature: float) -> dict[str, Any]:
    """The values whose softmax is the probability, by name; `free` is without a country."""
    values = cell["l"]
    return {
        "sum": values,
        "per_token": values / 2,
        "per_byte": values / (10 + np.arange(1, len(values) + 1)),
        "label": values * 0.25,
        "pmi": values - cell["free"],
        "temperature": values / temperature,
    }


def cross_entropy(cells: pd.DataFrame, temperature: float) -> float:
    """People's shares under the model's probabilities at a temperature, in nats."""
    return sum(
        -float(np.sum(np.stack([*same["shares"]]) * log_softmax([*same["l"] / temperature], 1)))
        for _, same in cells.groupby(cells["l"].map(len))
    )


@pytest.mark.parametrize(
    ("model_id", "prompt_id"),
    [("knowing", "native"), ("guessing", "paper")],
)
def test_a_country_s_temperature_fits_the_people_of_the_other_folds_best(
    agreement: AgreementStudy, answers: Answers, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from intermediate.int_temperatures
        where model_id = '{model_id}' and prompt_id = '{prompt_id}' order by country_id""",
    )
    cells = answers.of(model_id, prompt_id)
    cells = cells[cells["shares"].map(lambda shares: isinstance(shares, np.ndarray))]
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


def test_every_normalisation_is_a_softmax_of_its_own_value(
    agreement: AgreementStudy, answers: Answers
) -> None:
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
    cells = answers.of("guessing", "native")
    free = cells[cells["country_id"] == "ZZZ"].set_index("question_id")["l"]
    compared = 0
    for cell in cells.to_dict("records"):
        country_id, question_id, values = cell["country_id"], cell["question_id"], cell["l"]
        nothing = np.full(len(values), np.nan)
        cell["free"] = free[question_id] if country_id != "ZZZ" else nothing
        normalised = normalised_values(cell, temperatures.get(country_id, np.nan))
        for name, value in normalised.items():
            m = mart.loc[(name, country_id, question_id), "llm_mean_score"]
            if np.isnan(value).any() or question_id not in scored:
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


def test_a_temperature_worked_by_hand() -> None:
    """Log-likelihoods ln 16 apart, people 4 to 1: p = 16^(1/T) / (16^(1/T) + 1) is .8 at T = 2."""
    cells = pd.DataFrame({"country_id": ["AAA", "BBB"], "choice_count": [2, 2]})
    values = np.array([np.log(16), 0.0, np.log(16), 0.0])
    rows = design_temperatures(cells, values, np.array([0.8, 0.2, 0.8, 0.2]))
    np.testing.assert_allclose(rows["temperature"], [2, 2], rtol=1e-12)
    assert list(rows["fitted_country_count"]) == [1, 1]


@pytest.mark.parametrize(
    ("values", "shares", "temperature", "is_at_bound"),
    [
        ([0.0, -1.0], [0.2, 0.8], 100.0, True),
        ([0.0, -1.0], [0.5, 0.5], 100.0, True),
        ([0.0, -0.01], [1.0, 0.0], 0.05, True),
        # A choice whose probability underflows to zero, but that a few people take.
        ([0.0, -3000.0], [0.99, 0.01], 100.0, True),
        ([0.0, -300.0], [0.99, 0.01], 300 / np.log(99), False),
        # People and model are wholly of one mind, which no temperature changes.
        ([0.0, -1000.0], [1.0, 0.0], 1.0, False),
    ],
)
def test_a_temperature_stays_within_its_bounds(
    values: list[float],
    shares: list[float],
    temperature: float,
    is_at_bound: bool,
) -> None:
    cells = pd.DataFrame({"country_id": ["AAA", "BBB"], "choice_count": [2, 2]})
    rows = design_temperatures(cells, np.array(values * 2), np.array(shares * 2))
    np.testing.assert_allclose(rows["temperature"], temperature, rtol=1e-9)
    assert list(rows["is_at_bound"]) == [is_at_bound] * 2


def test_one_country_has_no_other_to_fit_a_temperature_on() -> None:
    cells = pd.DataFrame({"country_id": ["AAA", "AAA"], "choice_count": [2, 3]})
    rows = design_temperatures(
        cells, np.array([0.0, -1, 0, -1, -2]), np.array([0.5, 0.5, 0.2, 0.3, 0.5])
    )
    assert list(rows["null_reason"]) == ["too_few_countries"]
    assert rows["temperature"].isna().all()


def test_specifications_have_the_r_of_the_cells_that_all_of_them_have(
    agreement: AgreementStudy, answers: Answers
) -> None:
    """The guessing model was asked three designs; of one it has six questions, too few."""
    mart = read(
        agreement.home,
        "select * from marts.agg_specification_correlations where model_id = 'guessing'",
    )
    rows = {(row["prompt_id"], row["normalization"]): row for row in mart.to_dict("records")}
    fitted = read(agreement.home, "select * from intermediate.int_temperatures").set_index(
        ["model_id", "prompt_id", "country_id"]
    )["temperature"]
    frames = []
    for prompt_id in ("native", "paper"):
        cells = answers.of("guessing", prompt_id)
        free = cells[cells["country_id"] == "ZZZ"].set_index("question_id")["l"]
        cells = cells.dropna(subset="h").assign(free=cells["question_id"].map(free))
        normalised = [
            normalised_values(cell, fitted["guessing", prompt_id, cell["country_id"]])
            for cell in cells.to_dict("records")
        ]
        for name in NORMALIZATIONS:
            if prompt_id == "native" or name != "pmi":
                m = [softmax(own[name]) @ oracle.score_of(len(own[name])) for own in normalised]
                frames.append(cells.assign(m=m, specification=f"{prompt_id}/{name}"))
    together = pd.concat(frames)
    sharing = together.groupby(oracle.CELL)["specification"].transform("nunique")
    shared = together[sharing == len(frames)].drop(columns=["l", "shares"])
    expected = {}
    for specification, own in shared.groupby("specification"):
        of_question = own.groupby("question_id")
        own = own.assign(
            dm=own["m"] - of_question["m"].transform("mean"),
            dh=own["h"] - of_question["h"].transform("mean"),
        )
        own["countries"] = own.groupby("question_id")["m"].transform("size")
        enough = own[own["countries"] >= 10]
        r = pd.Series(
            {name: oracle.r_or_nan(c["m"], c["h"]) for name, c in own.groupby("country_id")}
        )
        blind = pd.Series(
            {name: oracle.r_or_nan(c["b"], c["h"]) for name, c in own.groupby("country_id")}
        )
        demeaned = pd.Series(
            {name: oracle.r_or_nan(c["dm"], c["dh"]) for name, c in enough.groupby("country_id")}
        )
        expected[str(specification)] = r.mean(), (r - blind).mean(), demeaned.mean(), r.count()
    ordered = sorted(expected, key=lambda name: -expected[name][0])
    for name, (mean, above, mean_demeaned, count) in expected.items():
        prompt_id, normalization = name.split("/")
        row = rows[prompt_id, normalization]
        assert row["pearson_r"] == pytest.approx(mean, abs=1e-9)
        assert row["r_above_blind"] == pytest.approx(above, abs=1e-9)
        assert row["demeaned_pearson_r"] == pytest.approx(mean_demeaned, abs=1e-9, nan_ok=True)
        assert row["country_count"] == count
        assert row["cell_count"] == len(shared) / len(frames)
        assert row["specification_rank"] == ordered.index(name) + 1
    left_out = mart[mart["pearson_r"].isna()]
    missing = set(zip(left_out["prompt_id"], left_out["normalization"], strict=True))
    assert missing == {("paper", "pmi"), *product(["native-text"], NORMALIZATIONS)}
    assert set(left_out["null_reason"]) == {"too_few_cells"}
    spread = read(
        agreement.home,
        """select * from marts.agg_specification_spread
        where model_id = 'guessing' and measure = 'pearson_r'""",
    ).iloc[0]
    values = [value[0] for value in expected.values()]
    assert spread["specification_count"] == len(values)
    assert spread["spread"] == pytest.approx(max(values) - min(values), abs=1e-9)
    assert spread["standard_deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-9)


def test_a_model_of_one_design_has_no_specifications(agreement: AgreementStudy) -> None:
    mart = read(
        agreement.home,
        """select pearson_r, specification_rank, null_reason
        from marts.agg_specification_correlations where model_id = 'knowing'""",
    )
    assert mart[["pearson_r", "specification_rank"]].isna().all(axis=None)
    assert set(mart["null_reason"]) == {"too_few_designs"}
    for table, column in [
        ("agg_specification_spread", "spread"),
        ("agg_variance_components", "share_of_total"),
    ]:
        rows = read(agreement.home, f"select * from marts.{table} where model_id = 'knowing'")
        assert rows[column].isna().all()
        assert set(rows["null_reason"]) == {"too_few_designs"}


def crossed_cells(levels: dict[str, list[str]], seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Random mean scores of four questions in three countries under all combinations of levels."""
    random = np.random.default_rng(seed)
    combinations = list(product(*(levels.get(factor, ["only"]) for factor in FACTORS)))
    designs = pd.DataFrame(combinations, columns=FACTORS).assign(
        prompt_id=[f"p{place:02}" for place in range(len(combinations))]
    )
    cells = designs.merge(pd.DataFrame({"question_id": ["Q1", "Q2", "Q3", "Q4"]}), how="cross")
    cells = cells.merge(pd.DataFrame({"country_id": ["AAA", "BBB", "CCC"]}), how="cross")
    return designs, cells.assign(llm_mean_score=random.uniform(-1, 1, size=len(cells)))


def explained_squares(cells: pd.DataFrame, *terms: list[str]) -> float:
    """What least squares on dummy variables of the terms (crossed columns) explains."""
    y = cells["llm_mean_score"].to_numpy()
    columns = [np.ones((len(y), 1))]
    for term in terms:
        label = cells[term].agg("/".join, axis=1)
        columns.append(pd.get_dummies(label).to_numpy(dtype=float))
    x = np.hstack(columns)
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(((fitted - y.mean()) ** 2).sum())


def test_components_are_those_of_an_analysis_of_variance() -> None:
    designs, cells = crossed_cells(
        {
            "choice_order": ["forward", "reverse", "rotate_1"],
            "template": ["paper", "short"],
            "answer_style": ["label", "label_text"],
        },
        seed=5,
    )
    rows = {row["component"]: row for row in model_components(cells, designs)}
    y = cells["llm_mean_score"]
    total = float(((y - y.mean()) ** 2).sum())
    columns = {"question": "question_id", "country": "country_id"}
    expected = {}
    for name in ("question", "country", *FACTORS[:3]):
        column = columns.get(name, name)
        expected[name] = explained_squares(cells, [column])
        if name != "question":
            both = [["question_id"], [column]]
            expected[f"question_by_{name}"] = explained_squares(
                cells, *both, ["question_id", column]
            ) - explained_squares(cells, *both)
    for name, value in expected.items():
        assert rows[name]["sum_of_squares"] == pytest.approx(value, abs=1e-10)
        assert rows[name]["share_of_total"] == pytest.approx(value / total, abs=1e-10)
    model = [[columns.get(name, name)] for name in ("question", "country", *FACTORS[:3])]
    model += [["question_id", column] for column in ("country_id", *FACTORS[:3])]
    residual = total - explained_squares(cells, *model)
    assert rows["residual"]["sum_of_squares"] == pytest.approx(residual, abs=1e-10)
    assert rows["total"]["sum_of_squares"] == pytest.approx(total, abs=1e-10)
    # 144 cells; 3 + 2 + 2 + 1 + 1 and 6 + 6 + 3 + 3 degrees of freedom.
    assert rows["residual"]["degrees_of_freedom"] == 144 - 1 - 9 - 18
    assert rows["chat_mode"]["null_reason"] == "single_level"
    shares = [row["share_of_total"] or 0 for name, row in rows.items() if name != "total"]
    assert sum(shares) == pytest.approx(1, abs=1e-10)


def test_components_of_variance_are_estimated_without_bias() -> None:
    """Scores of known components; sums of squares would give the residual far too much."""
    truth = {"question": 0.3, "country": 0.05, "choice_order": 0.2, "template": 0.1}
    truth |= {f"question_by_{name}": 0.15 for name in ("country", "choice_order", "template")}
    truth |= {"residual": 0.02}
    sizes = {"question": 12, "country": 6, "choice_order": 4, "template": 3}
    names = list(sizes)
    random = np.random.default_rng(3)
    found = []
    for _ in range(300):
        scores = random.normal(0, truth["residual"] ** 0.5, tuple(sizes.values()))
        for axes in [[0], [1], [2], [3], [0, 1], [0, 2], [0, 3]]:
            shape = [size if axis in axes else 1 for axis, size in enumerate(sizes.values())]
            name = "_by_".join(names[axis] for axis in axes)
            scores = scores + random.normal(0, truth[name] ** 0.5, shape)
        found.append(variances(list(components(scores[..., None, None, None, None]))))
    means = pd.DataFrame(found).mean()
    for name, value in truth.items():
        assert means[name] == pytest.approx(value, rel=0.15), name
    assert means["total"] == pytest.approx(sum(truth.values()), rel=0.1)


def test_components_worked_by_hand() -> None:
    """Two questions have m of 1 and 0 in one order, 0.6 and 0 in the other: 0.4 in the mean.

    The questions' means 0.8 and 0 give 2 (0.4^2 + 0.4^2) = 0.64, the orders' 0.5 and 0.3 give
    2 (0.1^2 + 0.1^2) = 0.04, all cells 0.36 + 0.16 + 0.04 + 0.16 = 0.72. The rest is interaction.
    """
    designs = pd.DataFrame(
        {"prompt_id": ["there", "back"], **dict.fromkeys(FACTORS, "only")}
    ).assign(choice_order=["forward", "reverse"])
    cells = pd.DataFrame(
        {
            "prompt_id": ["there", "there", "back", "back"],
            "question_id": ["Q1", "Q2", "Q1", "Q2"],
            "country_id": "AAA",
            "llm_mean_score": [1.0, 0.0, 0.6, 0.0],
        }
    )
    rows = {row["component"]: row for row in model_components(cells, designs)}
    squares = {name: row["sum_of_squares"] for name, row in rows.items()}
    assert squares["question"] == pytest.approx(0.64)
    assert squares["choice_order"] == pytest.approx(0.04)
    assert squares["question_by_choice_order"] == pytest.approx(0.04)
    assert squares["total"] == pytest.approx(0.72)
    assert rows["country"]["null_reason"] == "single_level"


def test_the_layout_leaves_out_what_is_not_crossed_or_was_stopped() -> None:
    designs, cells = crossed_cells(
        {"choice_order": ["forward", "reverse"], "template": ["paper", "short"]}, seed=6
    )
    full = {row["component"]: row for row in model_components(cells, designs)}
    once = designs.iloc[[0]].assign(prompt_id="once", answer_style="label")
    extra = cells[cells["prompt_id"] == "p00"].assign(prompt_id="once")
    stopped = cells[(cells["prompt_id"] == "p01") & (cells["question_id"] == "Q1")]
    more = pd.concat([cells, extra, stopped.iloc[[0]].assign(country_id="DDD")])
    rows = {
        row["component"]: row
        for row in model_components(more, pd.concat([designs, once], ignore_index=True))
    }
    for name, row in full.items():
        assert rows[name]["sum_of_squares"] == row["sum_of_squares"]
    assert rows["total"]["design_count"] == 5
    assert rows["total"]["crossed_design_count"] == 4
    assert rows["total"]["country_count"] == 3
    assert rows["answer_style"]["null_reason"] == "not_crossed"
    assert rows["chat_mode"]["null_reason"] == "single_level"


def test_components_of_the_study_s_model_of_two_native_designs(
    agreement: AgreementStudy, answers: Answers
) -> None:
    mart = read(
        agreement.home, "select * from marts.agg_variance_components where model_id = 'guessing'"
    ).set_index("component")
    asked = [answers.of("guessing", p) for p in ("native", "native-text")]
    cells = pd.concat(
        [
            frame[frame["country_id"] != "ZZZ"].assign(prompt_id=str(place))
            for place, frame in enumerate(asked)
        ]
    )
    cells["llm_mean_score"] = [softmax(v) @ oracle.score_of(len(v)) for v in cells["l"]]
    cells = cells[cells["question_id"].isin(asked[1]["question_id"])]
    # One cell's choices are not the instrument's, so its question is not in all countries.
    cells = cells[cells["question_id"] != "Q3"]
    assert mart.loc["total", "crossed_design_count"] == 2
    assert mart.loc["total", "question_count"] == cells["question_id"].nunique() == 5
    for name, column in [
        ("question", "question_id"),
        ("country", "country_id"),
        ("answer_style", "prompt_id"),
    ]:
        expected = explained_squares(cells, [column])
        assert mart.loc[name, "sum_of_squares"] == pytest.approx(expected, abs=1e-10)
    assert mart.loc["choice_order", "null_reason"] == "single_level"
