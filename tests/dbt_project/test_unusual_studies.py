"""Studies as they should not be: dbt's own tests pass on them, and every null says why."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import (
    SCORED_AT,
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    choice_row,
    failing,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read,
)
from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.shards import CHOICE_LOG_LIKELIHOODS

UNANIMOUS = "EGY"
OF_ONE_QUESTION = "BOL"
NEVER_SCORED = "MEX"
NEVER_SURVEYED = "NZL"
COMPARED = ["AND", "ARG", "CHN", "CYP", "CZE", "DEU", "GBR", "GRC", "JPN", "USA"]
SURVEYED = [*COMPARED, UNANIMOUS, OF_ONE_QUESTION, NEVER_SCORED]
SCORED = [*COMPARED, UNANIMOUS, OF_ONE_QUESTION, NEVER_SURVEYED, "ZZZ"]

ALL_AGREE = "Q5"
NEVER_PUT = "Q6"
NEVER_ASKED = "Q33"
COMMON = [*(f"Q{number}" for number in (1, 2, 3, 4, 27, 28, 46, 47, 48, 57, 177, 178)), "Q42"]
ASKED = [*COMMON, ALL_AGREE, NEVER_PUT]
PUT = [*COMMON, ALL_AGREE, NEVER_ASKED]

# The largest double whose exponential is 0 is -746.
IMPOSSIBLE = -1e4


@pytest.fixture(scope="module")
def unusual(
    new_home: Callable[[], Home], instrument: Instrument, agreement: AgreementStudy
) -> Home:
    """Unusual people, models, answers, numerics, codings and shards in one warehouse."""
    home = new_home()
    _load_people(home, instrument)
    _land_answers(home, instrument)
    _land_shards_of_another_version(home)
    build_successfully(home, *WITHOUT_TESTS)
    assert failing(home, agreement.tests_of_data) == []
    return home


@pytest.fixture(scope="module")
def smallest(
    new_home: Callable[[], Home], instrument: Instrument, agreement: AgreementStudy
) -> Home:
    """One model, one country, one question."""
    home = new_home()
    add_load(home, "a", random_counts(instrument, ["Q1"], ["DEU"], seed=1))
    land_design(home, "p")
    land_model(home, "m")
    land_run(home, "run", "m", "p")
    land_cells(home, [(_cell("run", "m", "p", "Q1", "DEU"), [-1.0, -2.0, -3.0, -4.0])])
    build_successfully(home, *WITHOUT_TESTS)
    assert failing(home, agreement.tests_of_data) == []
    return home


def _load_people(home: Home, instrument: Instrument) -> None:
    people = random_counts(instrument, ASKED, SURVEYED, seed=1)
    lacking = (people["country_id"] == OF_ONE_QUESTION) & (people["question_id"] != "Q1")
    people = people[~lacking]
    of_one_mind = (people["country_id"] == UNANIMOUS) | (people["question_id"] == ALL_AGREE)
    is_first = ~people[people["code"] > 0].duplicated(["country_id", "question_id"])
    people = people[~of_one_mind | is_first.reindex(people.index, fill_value=False)]
    add_load(home, "people", people)
    add_load(
        home,
        "other-population",
        random_counts(instrument, ["Q1", "Q2"], ["DEU", "FRA"], seed=2),
        weighting="unweighted",
    )


def _land_answers(home: Home, instrument: Instrument) -> None:
    land_design(home, "forward", order_family_id="orders", chat_mode="raw")
    land_design(home, "reverse", order_family_id="orders", chat_mode="raw", choice_order="reverse")
    land_design(home, "paper", coding_id="paper")
    models: dict[str, dict[str, Any]] = {
        "ordinary": {"model_name": "smollm2-135m", "quantization": "F16", "file_bytes": 16},
        "certain": {"model_name": "smollm2-135m", "quantization": "Q4_0", "file_bytes": 4},
        "indifferent": {"model_name": "smollm2-135m-instruct", "is_chat": True},
        "of-one-cell": {},
        "of-one-country": {"model_name": "smollm2-360m"},
        "of-one-question": {},
        "of-no-survey": {},
    }
    for model_id, facts in models.items():
        land_model(home, model_id, **facts)
    random = np.random.default_rng(3)

    def land(
        model_id: str,
        prompt_id: str,
        questions: Iterable[str] = PUT,
        countries: Iterable[str] = SCORED,
        *,
        numerics_id: str = "n1",
        hours: int = 0,
        **facts: object,
    ) -> None:
        run_id = f"{model_id}-{prompt_id}-{numerics_id}"
        land_run(home, run_id, model_id, prompt_id, numerics_id=numerics_id, **facts)
        coding_id = "paper" if prompt_id == "paper" else "native"
        cells = []
        for question_id in questions:
            for country_id in countries:
                size = instrument.choice_count(question_id, coding_id)
                values = -5 - random.uniform(0, 4, size=size)
                if model_id == "certain":
                    values = np.full(size, IMPOSSIBLE)
                    values[random.integers(size)] = 0.0
                if model_id == "indifferent":
                    values = np.full(size, IMPOSSIBLE)
                cell = _cell(run_id, model_id, prompt_id, question_id, country_id)
                cell["coding_id"] = coding_id
                cell["numerics_id"] = numerics_id
                scored_at = SCORED_AT + timedelta(hours=hours)
                cells.append(({**cell, "scored_at": scored_at}, list(values)))
        land_cells(home, cells)

    land("ordinary", "forward")
    land("ordinary", "forward", numerics_id="n2", hours=1, flash_attention=True)
    land("ordinary", "reverse")
    land("ordinary", "paper")
    land("certain", "forward")
    land("certain", "reverse", ["Q1"])
    land("indifferent", "forward")
    land("of-one-cell", "forward", ["Q1"], ["DEU"])
    land("of-one-country", "forward", countries=["DEU"])
    land("of-one-question", "forward", ["Q2"])
    land("of-no-survey", "forward", [NEVER_ASKED], [NEVER_SURVEYED])


def _land_shards_of_another_version(home: Home) -> None:
    """A folder of the next version of the landing zone, and a shard with a column too many."""
    row = choice_row(
        _cell("of-one-cell-forward-n1", "of-one-cell", "forward", "Q1", "JPN"), 1, -1.0
    )
    later = home.path / "landing" / "schema=2" / "choice_log_likelihoods" / "later.parquet"
    later.parent.mkdir(parents=True)
    pq.write_table(pa.table({"answer": ["another layout"]}), later)
    shard = pa.Table.from_pylist(
        [{**row, "choice_index": index} for index in (1, 2, 3, 4)],
        schema=CHOICE_LOG_LIKELIHOODS,
    ).append_column("mood", [["good"] * 4])
    pq.write_table(shard, home.landing / "choice_log_likelihoods" / "more.parquet")


def _cell(
    run_id: str, model_id: str, prompt_id: str, question_id: str, country_id: str
) -> dict[str, object]:
    return {
        "run_id": run_id,
        "model_id": model_id,
        "prompt_id": prompt_id,
        "question_id": question_id,
        "country_id": country_id,
    }


@pytest.mark.parametrize("which", ["unusual", "smallest"])
def test_no_number_is_infinite_or_nan(which: str, request: pytest.FixtureRequest) -> None:
    home = request.getfixturevalue(which)
    columns = read(
        home,
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'marts' and data_type in ('DOUBLE', 'FLOAT')",
    )
    assert len(columns) > 100
    for mart, of_mart in columns.groupby("table_name"):
        counts = ", ".join(
            f"count(*) filter (where not isfinite({column})) as {column}"
            for column in of_mart["column_name"]
        )
        found = read(home, f"select {counts} from marts.{mart}").iloc[0]
        assert not found[found > 0].to_dict(), mart


def test_precisions_and_intervals_were_really_at_work(unusual: Home) -> None:
    for mart in ("cmp_quantization", "cmp_quantization_cells"):
        assert len(read(unusual, f"select 1 from marts.{mart}")) > 0, mart
    intervals = read(unusual, "select ci_low from marts.agg_country_correlations")["ci_low"]
    assert intervals.notna().any()


def _cells(home: Home, model_id: str, prompt_id: str = "forward") -> pd.DataFrame:
    return read(
        home,
        f"select * from marts.fct_mean_scores where model_id = '{model_id}' "
        f"and prompt_id = '{prompt_id}'",
    ).set_index(["question_id", "country_id"])


def _countries(home: Home, model_id: str, prompt_id: str = "forward") -> pd.DataFrame:
    return read(
        home,
        f"select * from marts.agg_country_correlations where model_id = '{model_id}' "
        f"and prompt_id = '{prompt_id}'",
    ).set_index("country_id")


def test_what_was_not_asked_or_not_surveyed_says_so(unusual: Home) -> None:
    cells = _cells(unusual, "ordinary")
    assert cells.loc[(NEVER_ASKED, "DEU"), "null_reason"] == "not_asked"
    assert cells.loc[("Q1", NEVER_SURVEYED), "null_reason"] == "country_not_surveyed"
    assert cells.loc[("Q2", OF_ONE_QUESTION), "null_reason"] == "not_asked"
    assert NEVER_PUT not in cells.index.get_level_values("question_id")
    human = read(
        unusual,
        "select distinct question_id, country_id from marts.fct_human_mean_scores "
        "where coding_id = 'native'",
    )
    assert {NEVER_PUT, *COMMON} <= set(human["question_id"])
    assert NEVER_ASKED not in set(human["question_id"])
    assert NEVER_SCORED in set(human["country_id"])
    countries = _countries(unusual, "ordinary")
    assert countries.loc[NEVER_SURVEYED, "null_reason"] == "country_not_surveyed"
    assert countries.loc[OF_ONE_QUESTION, "null_reason"] == "too_few_questions"
    assert NEVER_SCORED not in countries.index
    assert countries["pearson_r"].notna()["DEU"]


def test_people_of_one_mind_have_scores_but_no_r(unusual: Home) -> None:
    cells = _cells(unusual, "ordinary").query("country_id == @UNANIMOUS")
    compared = cells[cells["null_reason"].isna()]
    assert (compared["human_mean_score"] == -1).all()
    assert (compared["human_standard_error"] == 0).all()
    assert (compared["human_entropy"] == 0).all()
    country = _countries(unusual, "ordinary").loc[UNANIMOUS]
    assert country["null_reason"] == "no_variance_in_survey"
    assert pd.isna(country["pearson_r"])
    question = read(
        unusual,
        f"select * from marts.agg_question_correlations where question_id = '{ALL_AGREE}' "
        "and model_id = 'ordinary' and prompt_id = 'forward'",
    ).iloc[0]
    assert question["null_reason"] == "no_variance_in_survey"


def test_an_answer_with_a_probability_of_0_is_a_number_like_others(unusual: Home) -> None:
    shares = read(
        unusual,
        "select * from marts.fct_choice_probabilities "
        "where model_id = 'certain' and prompt_id = 'forward' and question_id != 'Q42'",
    )
    assert set(shares["llm_probability"]) == {0.0, 1.0}
    chosen = shares[shares["llm_probability"] == 1].set_index(["question_id", "country_id"])
    cells = _cells(unusual, "certain").drop("Q42", level="question_id")
    assert (cells["llm_entropy"] == 0).all()
    assert (cells["noise_sensitivity"] == 0).all()
    pd.testing.assert_series_equal(
        cells["llm_mean_score"].sort_index(),
        chosen["choice_score"].sort_index(),
        check_names=False,
    )
    assert _countries(unusual, "certain")["null_reason"].isna()["DEU"]


def test_without_a_mean_score_there_is_no_noise_of_it(unusual: Home) -> None:
    cells = read(unusual, "select * from marts.fct_mean_scores where llm_mean_score is null")
    assert "Q42" in set(cells["question_id"])
    assert cells["noise_sensitivity"].isna().all()


def test_answers_that_are_all_equally_impossible_are_equally_likely(unusual: Home) -> None:
    cells = _cells(unusual, "indifferent")
    compared = cells[cells["null_reason"].isna()]
    assert compared["llm_mean_score"].abs().max() < 1e-12
    assert (
        _countries(unusual, "indifferent").loc[COMPARED, "null_reason"] == "no_variance_in_model"
    ).all()


def test_a_model_of_one_cell_country_or_question_says_what_is_lacking(unusual: Home) -> None:
    assert set(_countries(unusual, "of-one-cell")["null_reason"]) == {"too_few_questions"}
    assert set(_countries(unusual, "of-one-question").loc[COMPARED, "null_reason"]) == {
        "too_few_questions"
    }
    alone = _countries(unusual, "of-one-country").loc["DEU"]
    assert pd.isna(alone["null_reason"])
    assert pd.isna(alone["demeaned_pearson_r"])
    nowhere = _countries(unusual, "of-no-survey").loc[NEVER_SURVEYED]
    assert nowhere["null_reason"] == "country_not_surveyed"


def test_of_two_numerics_one_is_taken_and_the_other_counted(unusual: Home) -> None:
    shares = read(
        unusual,
        "select distinct numerics_id from marts.fct_choice_probabilities "
        "where model_id = 'ordinary' and prompt_id = 'forward'",
    )
    # Without flash attention, though it is older.
    assert list(shares["numerics_id"]) == ["n1"]
    assert (_cells(unusual, "ordinary")["superseded_cells"] == 1).all()


def test_codings_and_populations_stay_apart(unusual: Home) -> None:
    paper = _cells(unusual, "ordinary", "paper")
    native = _cells(unusual, "ordinary")
    assert set(paper["coding_id"]) == {"paper"}
    assert set(native["coding_id"]) == {"native"}
    assert set(native["population_id"]) == set(paper["population_id"])
    assert len(set(native["population_id"])) == 1
    populations = read(unusual, "select * from marts.dim_populations").set_index("population_id")
    assert populations["is_reference"].to_dict() == {
        "wvs:7:unweighted:all": False,
        "wvs:7:within_country:all": True,
    }
    # Surveyed in the other population only.
    surveyed = read(
        unusual,
        "select distinct country_id from marts.fct_human_mean_scores "
        "where population_id = 'wvs:7:within_country:all'",
    )
    assert set(surveyed["country_id"]) == set(SURVEYED)


def test_shards_of_another_version_are_left_alone(unusual: Home) -> None:
    later = unusual.path / "landing" / "schema=2" / "choice_log_likelihoods" / "later.parquet"
    assert pq.read_table(later).column_names == ["answer"]
    # A column too many does no harm to the others.
    assert ("Q1", "JPN") in _cells(unusual, "of-one-cell").index


def test_one_model_one_country_and_one_question_have_scores_but_no_r(smallest: Home) -> None:
    cell = read(smallest, "select * from marts.fct_mean_scores").iloc[0]
    assert pd.isna(cell["null_reason"])
    assert np.isfinite(cell["llm_mean_score"])
    assert np.isfinite(cell["human_mean_score"])
    for mart, reason in {
        "agg_country_correlations": "too_few_questions",
        "agg_category_correlations": "too_few_questions",
        "agg_question_correlations": "too_few_countries",
    }.items():
        row = read(smallest, f"select * from marts.{mart}").iloc[0]
        assert row["null_reason"] == reason, mart
