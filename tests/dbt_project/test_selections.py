"""What the variables of a build change: questions, question set, reference population."""

import shutil
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.dbt_project import oracle
from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import WITHOUT_TESTS, build_successfully, read
from valuescope.warehouse.home import Home

READ_HERE = ("--select", "+agg_country_correlations", "+dim_populations")


@pytest.fixture(scope="module")
def built_with(agreement: AgreementStudy, new_home: Callable[[], Home]) -> Callable[..., Home]:
    """A copy of the study's home, built with other variables."""

    def build_copy(**variables: object) -> Home:
        home = new_home()
        home.path.mkdir(parents=True)
        shutil.copyfile(agreement.home.database, home.database)
        shutil.copytree(agreement.home.landing, home.landing)
        build_successfully(home, *WITHOUT_TESTS, *READ_HERE, **variables)
        return home

    return build_copy


def cells(home: Home, model_id: str = "knowing") -> pd.DataFrame:
    return read(
        home,
        f"""select question_id, country_id, llm_mean_score as m, human_mean_score as h
        from intermediate.int_comparable_cells
        where model_id = '{model_id}' and prompt_id = 'native'""",
    )


def correlations(home: Home, model_id: str = "knowing") -> pd.DataFrame:
    return read(
        home,
        f"""select * from marts.agg_country_correlations
        where model_id = '{model_id}' and prompt_id = 'native'""",
    ).set_index("country_id")


def test_the_paper_s_selection_scores_nominal_questions_and_leaves_others_out(
    agreement: AgreementStudy, built_with: Callable[..., Home]
) -> None:
    home = built_with(question_selection="paper", minimum_questions=3)
    in_paper = set(agreement.instrument.questions.query("in_paper_set")["question_id"])
    facts = read(home, "select * from marts.fct_mean_scores where prompt_id = 'native'")
    assert set(facts["question_id"]) <= in_paper
    assert "Q152" in set(facts["question_id"])
    assert set(facts["question_selection"]) == {"paper"}
    assert facts.loc[facts["question_id"] == "Q152", "llm_mean_score"].notna().all()

    mart = correlations(home)
    r = mart["pearson_r"].to_dict()
    for country_id, own in cells(home).groupby("country_id"):
        expected = oracle.r_or_nan(own["m"], own["h"], 3)
        assert r[country_id] == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert set(mart["question_selection"]) == {"paper"}


def test_the_common_set_has_the_same_questions_for_all_countries(
    agreement: AgreementStudy, built_with: Callable[..., Home]
) -> None:
    home = built_with(question_set="common", minimum_questions=2)
    available = cells(agreement.home)
    asked = available.groupby("question_id")["country_id"].nunique()
    common = set(asked.index[asked == available["country_id"].nunique()])
    assert 2 <= len(common) < len(asked)
    assert set(cells(home)["question_id"]) == common
    mart = correlations(home)
    assert set(mart["question_set"]) == {"common"}
    known = mart[mart["pearson_r"].notna()]
    assert set(known["question_count"]) == {len(common)}


def test_a_named_reference_population_is_the_one_that_models_are_compared_with(
    agreement: AgreementStudy, built_with: Callable[..., Home]
) -> None:
    population_id = "wvs:since-6:unweighted:all"
    home = built_with(reference_populations={"wvs": population_id}, deff=4.0)
    # The sampling variance is that of a simple random sample times deff.
    query = "select human_standard_error from marts.fct_human_mean_scores order by all"
    np.testing.assert_allclose(read(home, query), 2 * read(agreement.home, query), rtol=1e-9)

    populations = read(home, "select population_id, is_reference from marts.dim_populations")
    assert list(populations.query("is_reference")["population_id"]) == [population_id]
    facts = read(home, "select * from marts.fct_mean_scores where human_mean_score is not null")
    assert set(facts["population_id"]) == {population_id}
    human = read(
        home,
        f"""select question_id, country_id, human_mean_score
        from marts.fct_human_mean_scores
        where population_id = '{population_id}' and coding_id = 'native'""",
    ).set_index(["question_id", "country_id"])["human_mean_score"]
    for cell in facts.query("prompt_id == 'native'").to_dict("records"):
        key = cell["question_id"], cell["country_id"]
        assert cell["human_mean_score"] == pytest.approx(human.loc[key], abs=1e-12)


def test_demeaning_takes_off_the_mean_of_the_reference_countries(
    agreement: AgreementStudy, built_with: Callable[..., Home]
) -> None:
    reference = ["DEU", "GBR", "CHN", "CZE"]
    home = built_with(reference_countries=reference, minimum_reference_countries=4)
    own = cells(agreement.home)
    inside = own[own["country_id"].isin(reference)].groupby("question_id")
    means = inside[["m", "h"]].mean()[inside.size() >= 4]
    mart = correlations(home)
    demeaned = mart["demeaned_pearson_r"].to_dict()
    for country_id, answers in own.groupby("country_id"):
        joined = answers.merge(means, on="question_id", suffixes=("", "_mean"))
        expected = oracle.r_or_nan(joined["m"] - joined["m_mean"], joined["h"] - joined["h_mean"])
        assert demeaned[country_id] == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert (mart["demeaned_question_count"] <= len(means)).all()
    assert mart["question_count"].max() > len(means)
