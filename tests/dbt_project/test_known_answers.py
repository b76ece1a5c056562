"""Models whose numbers are known beforehand, on invented people and on real ones."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike

from tests.dbt_project.agreement_study import COUNTED
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
from valuescope.warehouse.home import CLONE, Home

SHARES = CLONE.parent / "shared" / "data" / "wvs7_marginals_valid_unweighted.csv"
# Two categories that are ranked.
QUESTIONS = [f"Q{number}" for number in (*range(1, 7), *range(27, 34), *range(177, 192))]
CELL = ["question_id", "country_id"]


def shares_of_choices(marginals: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """The share of every native choice in every cell, 0 where nobody chose it."""
    choices = instrument.choices.query("coding_id == 'native' and is_on_scale")
    codes = choices.assign(code=choices["survey_codes"].str.split("|")).explode("code")
    codes["code"] = codes["code"].astype(int)
    cells = marginals[CELL].drop_duplicates().merge(codes, on="question_id")
    counted = marginals.groupby([*CELL, "code"])["sum_of_weights"].sum().reset_index()
    cells = cells.merge(counted, on=[*CELL, "code"], how="left").fillna({"sum_of_weights": 0})
    weights = cells.groupby([*CELL, "choice_index"])["sum_of_weights"].sum().reset_index()
    total = weights.groupby(CELL)["sum_of_weights"].transform("sum")
    return weights.assign(share=weights["sum_of_weights"] / total)[total > 0]


def land_known_models(home: Home, shares: pd.DataFrame) -> None:
    """A copy of the people and a faint one, the mean of the others, no opinion, the first option.

    Without a country every model says the mean of all, but the first option.
    """
    of_choice = shares.groupby(["question_id", "choice_index"])["share"]
    others = of_choice.transform("count") - 1
    everywhere = of_choice.mean().reset_index().assign(country_id="ZZZ")
    blind = (of_choice.transform("sum") - shares["share"]) / others
    size = shares.groupby(CELL)["share"].transform("size")
    first = np.where(shares["choice_index"] == 1, 0.5, 0.5 / (size - 1))
    last = np.where(shares["choice_index"] == size, 0.5, 0.5 / (size - 1))
    land_design(home, "forward")
    land_design(home, "reverse", choice_order="reverse")
    for model_id, prompt_id, probability in (
        ("copy", "forward", shares["share"]),
        ("faint", "forward", 0.98 * of_choice.transform("mean") + 0.02 * shares["share"]),
        ("blind", "forward", blind),
        ("uniform", "forward", 1 / size),
        ("first-option", "forward", first),
        ("first-option", "reverse", last),
    ):
        land_model(home, model_id)
        run_id = f"{model_id}-{prompt_id}"
        land_run(home, run_id, model_id, prompt_id)
        answers = shares.assign(share=probability)
        if model_id != "first-option":
            answers = pd.concat([answers, everywhere])
        land_cells(
            home,
            [
                (
                    {
                        "run_id": run_id,
                        "model_id": model_id,
                        "prompt_id": prompt_id,
                        "question_id": question_id,
                        "country_id": country_id,
                    },
                    list(np.log(np.maximum(cell.to_numpy(), 1e-300))),
                )
                for (question_id, country_id), cell in answers.sort_values("choice_index").groupby(
                    CELL
                )["share"]
            ],
        )


@pytest.fixture(scope="module")
def invented(new_home: Callable[[], Home], instrument: Instrument) -> Home:
    home = new_home()
    counts = random_counts(instrument, QUESTIONS, COUNTED, seed=8)
    # Not every country has every question.
    counts = counts[(counts["country_id"] != "CHN") | (counts["question_id"] != "Q30")]
    add_load(home, "counts", counts)
    land_known_models(home, shares_of_choices(counts, instrument))
    build_successfully(home, *WITHOUT_TESTS)
    return home


@pytest.fixture(scope="module")
def real(new_home: Callable[[], Home], instrument: Instrument) -> Home:
    """44 countries x 185 questions."""
    if not SHARES.exists():
        pytest.skip(f"the reference marginals are not at {SHARES}")
    home = new_home()
    shares = pd.read_csv(SHARES).rename(
        columns={"iso3": "country_id", "variable": "question_id", "share": "sum_of_weights"}
    )
    add_load(
        home,
        "shares",
        shares.assign(wave=7),
        has_counts=False,
        has_dont_know_codes=False,
        weighting="unweighted",
    )
    land_known_models(home, shares_of_choices(shares, instrument))
    build_successfully(home, *WITHOUT_TESTS)
    return home


@pytest.fixture(params=["invented", "real"])
def home(request: pytest.FixtureRequest) -> Home:
    built: Home = request.getfixturevalue(request.param)
    return built


def correlations(home: Home, model_id: str, prompt_id: str = "forward") -> pd.DataFrame:
    rows = read(
        home,
        f"""select * from marts.agg_country_correlations
        where model_id = '{model_id}' and prompt_id = '{prompt_id}' order by country_id""",
    )
    assert len(rows) >= 12
    return rows


def assert_all(values: Iterable[float], expected: ArrayLike, within: float = 1e-9) -> None:
    found, wanted = np.array(list(values), dtype=float), np.array(expected, dtype=float)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=within)


def test_a_copy_of_the_people_is_right_about_everything(home: Home) -> None:
    rows = correlations(home, "copy")
    for measure in ("pearson_r", "common_pearson_r", "spearman_rho", "demeaned_pearson_r", "rho0"):
        assert_all(rows[measure], 1)
    assert_all(rows["skill"], 1)
    assert_all(rows["mean_absolute_error"], 0)
    assert_all(rows["mean_wasserstein_1"], 0)
    assert_all(rows["mean_jensen_shannon_distance"], 0, within=1e-6)
    assert (rows["pearson_r"] > rows["best_other_country_r"]).all()
    # Nobody else's answers fit a country as well as its own.
    assert_all(rows["shuffled_countries_p"], 1 / (1 + rows["shuffled_country_count"]))


def test_the_mean_of_the_other_countries_is_the_blind_baseline_and_no_more(home: Home) -> None:
    rows = correlations(home, "blind")
    assert_all(rows["r_above_blind"], 0)
    assert_all(rows["rho0_above_blind"], 0)
    assert_all(rows["skill"], 0)
    # Leaving the country out of the mean is all that sets its countries apart: h turned around, but
    # for questions that fewer countries have.
    assert_all(rows["demeaned_pearson_r"], -1, within=1e-3)


def test_however_little_a_model_tells_countries_apart_it_has_a_demeaned_r(home: Home) -> None:
    rows = correlations(home, "faint")
    assert rows["demeaned_null_reason"].isna().all()
    assert_all(rows["demeaned_pearson_r"], 1)


def test_answers_without_opinion_have_no_r_and_the_distances_that_stand_beside_every_r(
    home: Home,
) -> None:
    rows = correlations(home, "uniform")
    for measure in ("pearson_r", "option_position_r", "shuffled_countries_r", "country_gain"):
        assert rows[measure].isna().all()
    assert set(rows["null_reason"]) == {"no_variance_in_model"}
    assert set(rows["option_position_null_reason"]) == {"no_variance_in_model"}
    other = correlations(home, "copy")
    for distance in ("absolute_error", "wasserstein_1", "jensen_shannon_distance"):
        expected = other[f"uniform_mean_{distance}"]
        np.testing.assert_allclose(rows[f"mean_{distance}"], expected, rtol=0, atol=1e-9)


def test_leaning_to_the_first_option_is_all_in_the_options_places(home: Home) -> None:
    rows = correlations(home, "first-option")
    for null in ("option_position_r", "shuffled_countries_r"):
        np.testing.assert_allclose(rows[null], rows["pearson_r"], rtol=0, atol=1e-9)
    assert_all(rows["shuffled_countries_p"], 1)
    assert_all(rows["country_gain"], 0)
    assert set(rows["demeaned_null_reason"]) == {"no_country_variation"}
    assert set(rows["country_free_null_reason"]) == {"question_without_country_free_prompt"}


def test_averaged_orders_leave_nothing_of_a_leaning(home: Home) -> None:
    summary = read(
        home, "select * from marts.agg_model_summary where model_id = 'first-option'"
    ).set_index("is_order_controlled")
    assert summary.loc[True, "null_reason"] == "no_variance_in_model"
    forward, reverse = (
        correlations(home, "first-option", order)["pearson_r"].mean()
        for order in ("forward", "reverse")
    )
    assert_all(summary["order_spread"], forward - reverse)
    assert (summary["order_spread_country_count"] == summary["scored_country_count"]).all()


def test_answers_without_a_country_are_as_good_as_the_mean_of_all_countries(home: Home) -> None:
    people = read(
        home,
        """select country_id, question_id, human_mean_score as h from marts.fct_human_mean_scores
        where coding_id = 'native' and human_mean_score is not null""",
    )
    people["mean"] = people.groupby("question_id")["h"].transform("mean")
    expected = [np.corrcoef(own["h"], own["mean"])[0, 1] for _, own in people.groupby("country_id")]
    np.testing.assert_allclose(
        correlations(home, "copy")["country_free_r"], expected, rtol=0, atol=1e-9
    )


def test_one_row_sums_up_a_model(home: Home) -> None:
    summary = read(
        home, "select * from marts.agg_model_summary where prompt_id = 'forward'"
    ).set_index("model_id")
    blind = correlations(home, "blind")["pearson_r"].mean()
    assert summary.loc["copy", "mean_pearson_r"] == pytest.approx(1)
    assert summary.loc["copy", "mean_r_above_blind"] == pytest.approx(1 - blind)
    assert summary.loc["copy", "mean_skill"] == pytest.approx(1)
    assert summary.loc["blind", "mean_r_above_blind"] == pytest.approx(0, abs=1e-9)
    assert summary.loc["blind", "mean_demeaned_pearson_r"] == pytest.approx(-1, abs=1e-3)
    assert summary.loc["uniform", "demeaned_country_count"] == 0
    assert summary.loc["uniform", "null_reason"] == "no_variance_in_model"
    assert summary["mean_blind_baseline_r"].isna()["uniform"]


def test_flipping_the_coding_of_items_leaves_rho0_and_its_ranks_as_they_are(
    new_home: Callable[[], Home], instrument: Instrument
) -> None:
    counts = random_counts(instrument, QUESTIONS, COUNTED, seed=9, country_pull=0.3)
    random = np.random.default_rng(10)
    flipped = set(random.choice(QUESTIONS, size=len(QUESTIONS) // 2, replace=False))
    answers = []
    for question_id in QUESTIONS:
        # Leans to the first options, so that r about the means changes with the coding.
        leaning = -np.arange(instrument.choice_count(question_id))
        answers += [
            (question_id, country_id, leaning + random.normal(size=leaning.size))
            for country_id in COUNTED
        ]
    native = instrument.choices.query("coding_id == 'native' and is_on_scale")
    codes = {
        question_id: [int(code) for code in choices.sort_values("choice_index")["survey_codes"]]
        for question_id, choices in native[native["question_id"].isin(QUESTIONS)].groupby(
            "question_id"
        )
    }

    def build(questions: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        home = new_home()
        turned = {
            (question_id, code): back
            for question_id in questions
            for code, back in zip(codes[question_id], codes[question_id][::-1], strict=True)
        }
        pairs = zip(counts["question_id"], counts["code"], strict=True)
        add_load(home, "a", counts.assign(code=[turned.get(pair, pair[1]) for pair in pairs]))
        land_design(home, "p")
        land_model(home, "m")
        land_run(home, "run", "m", "p")
        land_cells(
            home,
            [
                (
                    {
                        "model_id": "m",
                        "prompt_id": "p",
                        "question_id": question_id,
                        "country_id": country_id,
                    },
                    list(values[::-1] if question_id in questions else values),
                )
                for question_id, country_id, values in answers
            ],
        )
        build_successfully(
            home,
            *WITHOUT_TESTS,
            "--select",
            "+agg_category_correlations",
            "+int_country_correlations",
        )
        return (
            read(home, "select * from marts.agg_category_correlations order by category_id"),
            read(home, "select * from intermediate.int_country_correlations order by country_id"),
        )

    categories, countries = build(set())
    flipped_categories, flipped_countries = build(flipped)
    assert categories["is_ranked"].sum() == 2
    assert list(categories["category_rank"]) == list(flipped_categories["category_rank"])
    for before, after in ((categories, flipped_categories), (countries, flipped_countries)):
        for measure in ("rho0", "blind_rho0", "rho0_above_blind"):
            np.testing.assert_allclose(before[measure], after[measure], rtol=0, atol=1e-12)
        # r about the means depends on the coding.
        assert (before["pearson_r"] - after["pearson_r"]).abs().max() > 0.01


def test_knowing_nothing_about_a_country_reaches_r_of_83(real: Home) -> None:
    rows = correlations(real, "blind")
    assert len(rows) == 44
    for r in (rows["pearson_r"], rows["blind_baseline_r"]):
        assert r.mean() == pytest.approx(0.83, abs=0.005)
        assert r.min() == pytest.approx(0.69, abs=0.005)
        assert r.max() == pytest.approx(0.93, abs=0.005)


def test_the_best_neighbour_reaches_r_of_88_or_89_on_questions_that_all_have(real: Home) -> None:
    rows = correlations(real, "copy")
    assert rows["best_other_country_r"].mean() == pytest.approx(0.884, abs=0.0005)
    assert rows["common_best_other_country_r"].mean() == pytest.approx(0.887, abs=0.0005)
    assert rows.set_index("country_id").loc["AUS", "best_other_country_id"] == "CAN"


def test_leaning_to_the_first_option_alone_reaches_r_near_24(real: Home) -> None:
    r = correlations(real, "first-option")["pearson_r"]
    assert r.mean() == pytest.approx(0.24, abs=0.01)


def test_the_human_side_alone_gives_the_same_baseline(real: Home) -> None:
    human = read(
        real,
        """select country_id, human_mean_score as h, blind_mean_score as b
        from marts.fct_human_mean_scores
        where coding_id = 'native' and human_mean_score is not null""",
    )
    blind = correlations(real, "copy").set_index("country_id")["blind_baseline_r"]
    for country_id, own in human.groupby("country_id"):
        expected = np.corrcoef(own["b"], own["h"])[0, 1]
        assert blind.to_dict()[country_id] == pytest.approx(expected, abs=1e-9)


def test_shares_without_counts_have_the_error_of_an_assumed_sample_and_say_so(real: Home) -> None:
    human = read(
        real,
        "select human_mean_score is null as unscaled, human_standard_error is null as errorless, "
        "coalesce(standard_error_basis, 'none') as basis, effective_sample_size is null as "
        "uncounted, count(*) as cells from marts.fct_human_mean_scores group by all order by all",
    )
    assert human["uncounted"].all()
    assert (human["unscaled"] == human["errorless"]).all()
    assert set(human.loc[~human["unscaled"], "basis"]) == {"assumed_respondents"}
    mart = read(real, "select * from marts.agg_country_correlations")
    assert set(mart.loc[mart["noise_ceiling"].notna(), "human_error_basis"]) == {
        "assumed_respondents"
    }
    (population,) = read(real, "select assumed_respondents from marts.dim_populations").to_numpy()
    assert population[0] == 1000
