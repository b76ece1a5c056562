"""Real people's answers, where the reference data lie beside the clone."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.dbt_project.study import (
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
    read,
)
from warehouse.home import CLONE, Home

DATA = CLONE.parent / "shared" / "data"
SHARES = DATA / "wvs7_marginals_valid_unweighted.csv"

pytestmark = pytest.mark.skipif(
    not SHARES.exists(), reason=f"the reference marginals are not at {SHARES}"
)


@pytest.fixture(scope="module")
def home(new_home: Callable[[], Home], instrument: Instrument) -> Home:
    """44 countries x 185 questions, and a model with half its trust in the first option."""
    home = new_home()
    shares = pd.read_csv(SHARES).rename(
        columns={
            "iso3": "country_id",
            "variable": "question_id",
            "share": "sum_of_weights",
        }
    )
    add_load(
        home,
        "shares",
        shares.assign(wave=7),
        has_counts=False,
        has_dont_know_codes=False,
        weighting="unweighted",
    )
    land_design(home, "p")
    land_model(home, "first-option")
    land_run(home, "run", "first-option", "p")
    cells = []
    for question_id in shares["question_id"].unique():
        size = instrument.choice_count(question_id)
        for country_id in shares["country_id"].unique():
            values = [np.log(0.5)] + [np.log(0.5 / (size - 1))] * (size - 1)
            cells.append(
                (
                    {
                        "model_id": "first-option",
                        "prompt_id": "p",
                        "question_id": question_id,
                        "country_id": country_id,
                    },
                    values,
                )
            )
    land_cells(home, cells)
    build_successfully(home, *WITHOUT_TESTS)
    return home


def test_knowing_nothing_about_a_country_reaches_r_of_83(home: Home) -> None:
    r = read(home, "select * from marts.agg_country_correlations")["blind_baseline_r"]
    assert len(r) == 44
    assert r.mean() == pytest.approx(0.83, abs=0.005)
    assert r.min() == pytest.approx(0.69, abs=0.005)
    assert r.max() == pytest.approx(0.93, abs=0.005)


def test_leaning_to_the_first_option_alone_reaches_r_near_24(home: Home) -> None:
    r = read(home, "select * from marts.agg_country_correlations")["pearson_r"]
    assert r.mean() == pytest.approx(0.24, abs=0.01)


def test_the_human_side_alone_gives_the_same_baseline(home: Home) -> None:
    human = read(
        home,
        """select country_id, human_mean_score as h, blind_mean_score as b
        from marts.fct_human_mean_scores
        where coding_id = 'native' and human_mean_score is not null""",
    )
    mart = read(home, "select * from marts.agg_country_correlations").set_index("country_id")
    blind = mart["blind_baseline_r"].to_dict()
    for country_id, own in human.groupby("country_id"):
        expected = np.corrcoef(own["b"], own["h"])[0, 1]
        assert blind[country_id] == pytest.approx(expected, abs=1e-9)


def test_shares_without_counts_have_the_error_of_an_assumed_sample_and_say_so(home: Home) -> None:
    human = read(
        home,
        "select human_mean_score is null as unscaled, human_standard_error is null as errorless, "
        "coalesce(standard_error_basis, 'none') as basis, effective_sample_size is null as "
        "uncounted, count(*) as cells from marts.fct_human_mean_scores group by all order by all",
    )
    assert human["uncounted"].all()
    assert (human["unscaled"] == human["errorless"]).all()
    assert set(human.loc[~human["unscaled"], "basis"]) == {"assumed_respondents"}
    mart = read(home, "select * from marts.agg_country_correlations")
    assert set(mart.loc[mart["noise_ceiling"].notna(), "human_error_basis"]) == {
        "assumed_respondents"
    }
    (population,) = read(home, "select assumed_respondents from marts.dim_populations").to_numpy()
    assert population[0] == 1000
