"""The marts against a second calculation from the raw rows."""

from functools import cache
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest
from valuescope_statistics import relations

from dbt_project.models.intermediate import int_shuffled_countries
from tests.dbt_project import oracle
from tests.dbt_project.agreement_study import NOT_SURVEYED, SPARSE, AgreementStudy
from tests.dbt_project.study import read

REFERENCE = "wvs:7:within_country:all"
DESIGNS = [
    ("knowing", "native"),
    ("guessing", "native"),
    ("guessing", "paper"),
    ("uniform", "native"),
    ("same-everywhere", "native"),
    ("guessing", "native-text"),
]


class Expected:
    """What the marts should hold, computed once a session."""

    def __init__(self, study: AgreementStudy) -> None:
        self.study = study
        self.people = cache(self._people)
        self.cells = cache(self._cells)

    def _people(self, population_id: str, coding_id: str) -> pd.DataFrame:
        loads = self.study.loads[self.study.loads["population_id"] == population_id]
        marginals = self.study.marginals[self.study.marginals["load_id"].isin(loads["load_id"])]
        return oracle.with_blind_scores(
            oracle.human_cells(loads, marginals, self.study.instrument, coding_id)
        )

    def _cells(self, model_id: str, prompt_id: str) -> pd.DataFrame:
        scores = self.study.scores.query("model_id == @model_id and prompt_id == @prompt_id")
        coding_id = "paper" if prompt_id == "paper" else "native"
        human = self.people(REFERENCE, coding_id)
        return oracle.model_cells(scores, human, self.study.instrument, coding_id)


@pytest.fixture(scope="module")
def expected(agreement: AgreementStudy) -> Expected:
    return Expected(agreement)


def assert_close(
    actual: pd.DataFrame, expected: pd.DataFrame, keys: list[str], columns: dict[str, str]
) -> None:
    """The same keys, and the same values (mart's name: second calculation's) to 1e-9, nulls too."""
    both = actual.merge(expected, on=keys, how="outer", suffixes=("", "_expected"), indicator=True)
    assert (both["_merge"] == "both").all(), both.loc[both["_merge"] != "both", keys].head()
    for mine, theirs in columns.items():
        theirs = f"{theirs}_expected" if f"{theirs}_expected" in both else theirs
        np.testing.assert_allclose(
            both[mine].astype(float), both[theirs].astype(float), rtol=0, atol=1e-9, err_msg=mine
        )


@pytest.mark.parametrize("coding_id", ["native", "paper"])
@pytest.mark.parametrize("population_id", [REFERENCE, "wvs:since-6:unweighted:all"])
def test_people_s_scores_and_errors_come_from_the_preferred_load(
    agreement: AgreementStudy, expected: Expected, population_id: str, coding_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from marts.fct_human_mean_scores
        where population_id = '{population_id}' and coding_id = '{coding_id}'""",
    )
    human = expected.people(population_id, coding_id).rename(columns={"load_id": "winner"})
    assert len(human) > 20
    assert_close(
        mart,
        human,
        ["country_id", "question_id", "wave"],
        {
            "human_mean_score": "h",
            "human_standard_error": "se",
            "outside_scale_share": "outside",
            "blind_mean_score": "b",
        },
    )
    both = mart.merge(human, on=["country_id", "question_id"])
    assert (both["load_id"] == both["winner"]).all()


def test_overlapping_loads_were_really_at_work(expected: Expected) -> None:
    used = expected.people(REFERENCE, "native").set_index(["country_id", "question_id"])["load_id"]
    assert used["DEU", "Q1"] == "counts"
    assert used["USA", "Q1"] == "shares"
    assert used["GRC", "Q177"] == "correction"


@pytest.mark.parametrize(("model_id", "prompt_id"), DESIGNS)
def test_probabilities_are_the_softmax_of_what_landed(
    agreement: AgreementStudy, expected: Expected, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select country_id, question_id, choice_index, llm_probability, human_share
        from marts.fct_choice_probabilities
        where
            model_id = '{model_id}' and prompt_id = '{prompt_id}' and llm_probability is not null
        """,
    )
    rows = []
    human = expected.people(REFERENCE, "paper" if prompt_id == "paper" else "native")
    shares = {
        (row["country_id"], row["question_id"]): row["shares"] for row in human.to_dict("records")
    }
    for cell in expected.cells(model_id, prompt_id).to_dict("records"):
        people = shares.get((cell["country_id"], cell["question_id"]))
        rows += [
            {
                "country_id": cell["country_id"],
                "question_id": cell["question_id"],
                "choice_index": index,
                "p": p,
                "share": np.nan if people is None else people[index - 1],
            }
            for index, p in enumerate(cell["p"], start=1)
        ]
    assert_close(
        mart,
        pd.DataFrame(rows),
        ["country_id", "question_id", "choice_index"],
        {"llm_probability": "p", "human_share": "share"},
    )


@pytest.mark.parametrize(("model_id", "prompt_id"), DESIGNS)
def test_mean_scores_and_distances_of_every_cell(
    agreement: AgreementStudy, expected: Expected, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from marts.fct_mean_scores
        where
            model_id = '{model_id}' and prompt_id = '{prompt_id}'
            and null_reason is distinct from 'incomplete_choices'
        """,
    )
    assert_close(
        mart,
        expected.cells(model_id, prompt_id),
        ["country_id", "question_id"],
        {
            "llm_mean_score": "m",
            "human_mean_score": "h",
            "human_standard_error": "se",
            "total_variation": "total_variation",
            "jensen_shannon_distance": "jensen_shannon",
            "wasserstein_1": "wasserstein",
            "llm_entropy": "llm_entropy",
            "modal_agreement": "modal",
        },
    )


@pytest.mark.parametrize(("model_id", "prompt_id"), DESIGNS)
def test_every_measure_of_every_country(
    agreement: AgreementStudy, expected: Expected, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from marts.agg_country_correlations
        where model_id = '{model_id}' and prompt_id = '{prompt_id}' and question_count > 0""",
    )
    measures = oracle.country_measures(expected.cells(model_id, prompt_id), 10)
    columns = [column for column in measures.columns if column != "country_id"]
    assert_close(mart, measures, ["country_id"], {column: column for column in columns})


@pytest.mark.parametrize(("model_id", "prompt_id"), DESIGNS)
def test_every_null_and_neighbour_of_every_country(
    agreement: AgreementStudy, expected: Expected, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from marts.agg_country_correlations
        where model_id = '{model_id}' and prompt_id = '{prompt_id}' and question_count > 0""",
    )
    coding_id = "paper" if prompt_id == "paper" else "native"
    measures = oracle.null_measures(
        expected.cells(model_id, prompt_id), expected.people(REFERENCE, coding_id)
    )
    columns = [c for c in measures.columns if c not in ("country_id", "best_other_country_id")]
    assert_close(mart, measures, ["country_id"], {column: column for column in columns})
    neighbour = measures.set_index("country_id")["best_other_country_id"]
    found = mart.set_index("country_id")["best_other_country_id"]
    assert found.dropna().to_dict() == neighbour.dropna().to_dict()


@pytest.mark.parametrize(("model_id", "prompt_id"), DESIGNS)
def test_every_measure_of_every_category(
    agreement: AgreementStudy, expected: Expected, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from marts.agg_category_correlations
        where model_id = '{model_id}' and prompt_id = '{prompt_id}' and question_count > 0""",
    )
    measures = oracle.category_measures(expected.cells(model_id, prompt_id))
    columns = [column for column in measures.columns if column != "category_id"]
    assert_close(mart, measures, ["category_id"], {column: column for column in columns})


def test_categories_of_ten_questions_are_ranked_by_their_distance_from_random_answers(
    agreement: AgreementStudy,
) -> None:
    mart = read(
        agreement.home,
        """select * from marts.agg_category_correlations
        where model_id = 'knowing' order by category_rank""",
    )
    ranked = mart[mart["is_ranked"]]
    assert list(ranked["category_rank"]) == [1, 2]
    assert set(ranked["category_id"]) == {"social_values", "ethical_values"}
    assert ranked["random_distance"].is_monotonic_decreasing
    assert mart.loc[~mart["is_ranked"], "category_rank"].isna().all()


@pytest.mark.parametrize(("model_id", "prompt_id"), DESIGNS)
def test_category_correlations_of_one_country(
    agreement: AgreementStudy, expected: Expected, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from marts.agg_category_country_correlations
        where model_id = '{model_id}' and prompt_id = '{prompt_id}' and question_count > 0""",
    )
    cells = oracle.comparable(expected.cells(model_id, prompt_id))
    rows = [
        {
            "category_id": category_id,
            "country_id": country_id,
            "question_count": len(own),
            "pearson_r": oracle.r_or_nan(own["m"], own["h"]),
            "rho0": (
                oracle.congruence(own["m"], own["h"])
                if len(own) >= 5 and own["m"].abs().max() > 1e-9
                else np.nan
            ),
            "blind_rho0": (
                oracle.congruence(own["b"], own["h"])
                if len(own) >= 5 and own["b"].notna().all()
                else np.nan
            ),
        }
        for (category_id, country_id), own in cells.groupby(["category_id", "country_id"])
    ]
    assert_close(
        mart,
        pd.DataFrame(rows),
        ["category_id", "country_id"],
        {name: name for name in ("question_count", "pearson_r", "rho0", "blind_rho0")},
    )


@pytest.mark.parametrize(("model_id", "prompt_id"), DESIGNS)
def test_correlations_across_countries_of_every_question(
    agreement: AgreementStudy, expected: Expected, model_id: str, prompt_id: str
) -> None:
    mart = read(
        agreement.home,
        f"""select * from marts.agg_question_correlations
        where model_id = '{model_id}' and prompt_id = '{prompt_id}' and country_count > 0""",
    )
    cells = oracle.comparable(expected.cells(model_id, prompt_id))
    rows = [
        {
            "question_id": question_id,
            "country_count": len(own),
            "pearson_r": oracle.r_or_nan(own["m"], own["h"]),
            "llm_standard_deviation": np.std(own["m"]),
            "mean_error": (own["m"] - own["h"]).mean(),
            "mean_absolute_error": (own["m"] - own["h"]).abs().mean(),
        }
        for question_id, own in cells.groupby("question_id")
    ]
    columns = {name: name for name in rows[0] if name != "question_id"}
    assert_close(mart, pd.DataFrame(rows), ["question_id"], columns)


def test_a_continent_is_the_plain_mean_of_its_countries(
    agreement: AgreementStudy, expected: Expected
) -> None:
    mart = read(agreement.home, "select * from marts.agg_continent_correlations")
    continents = agreement.instrument.countries[["country_id", "continent"]]
    for model_id, prompt_id in DESIGNS:
        countries = oracle.country_measures(expected.cells(model_id, prompt_id), 10)
        known = countries.dropna(subset="pearson_r").merge(continents, on="country_id")
        own = mart.query("model_id == @model_id and prompt_id == @prompt_id and country_count > 0")
        groups = known.groupby("continent")
        means = groups.agg(
            pearson_r=("pearson_r", "mean"), country_count=("pearson_r", "size")
        ).reset_index()
        assert_close(
            own,
            means,
            ["continent"],
            {"pearson_r": "pearson_r", "country_count": "country_count"},
        )
    oceania = mart.query("continent == 'Oceania' and model_id == 'knowing'").iloc[0]
    assert np.isnan(oceania["pearson_r"])
    assert oceania["null_reason"] == "no_country_with_r"


def test_category_scores_average_keyed_questions_only(
    agreement: AgreementStudy, expected: Expected
) -> None:
    mart = read(agreement.home, "select * from marts.agg_category_scores")
    questions = agreement.instrument.questions
    for coding_id in ("native", "paper"):
        human = expected.people(REFERENCE, coding_id).merge(
            questions[["question_id", "category_id", "polarity"]], on="question_id"
        )
        human = human.dropna(subset=["polarity", "h"])
        keyed = (human["polarity"] * human["h"]).groupby(
            [human["category_id"], human["country_id"]]
        )
        rows = keyed.agg(["mean", "size"]).reset_index()
        own = mart[(mart["source_kind"] == "human") & (mart["coding_id"] == coding_id)]
        assert_close(
            own,
            rows,
            ["category_id", "country_id"],
            {"keyed_mean_score": "mean", "question_count": "size"},
        )
    cells = oracle.comparable(expected.cells("knowing", "native")).dropna(subset="polarity")
    rows = (
        cells.assign(model=cells["polarity"] * cells["m"], human=cells["polarity"] * cells["h"])
        .groupby(["category_id", "country_id"])[["model", "human"]]
        .mean()
        .reset_index()
    )
    assert_close(
        mart[mart["source_id"] == "knowing:native"],
        rows,
        ["category_id", "country_id"],
        {"keyed_mean_score": "model", "human_keyed_mean_score": "human"},
    )


@pytest.mark.parametrize(
    ("model_id", "prompt_id", "normalization", "reason"),
    [
        ("guessing", "native-text", "label", "no_label_log_likelihood"),
        ("guessing", "paper", "pmi", "no_country_free_prompt"),
    ],
)
def test_a_normalisation_that_cannot_be_says_why(
    agreement: AgreementStudy, model_id: str, prompt_id: str, normalization: str, reason: str
) -> None:
    mart = read(
        agreement.home,
        f"""select distinct null_reason, llm_mean_score from marts.fct_normalized_mean_scores
        inner join marts.dim_questions using (question_id)
        where
            model_id = '{model_id}' and prompt_id = '{prompt_id}'
            and normalization = '{normalization}' and unscaled_reason is null
        """,
    )
    assert list(mart["null_reason"]) == [reason]
    assert mart["llm_mean_score"].isna().all()


@pytest.mark.parametrize(
    ("country_id", "question_id", "model_id", "prompt_id", "reason"),
    [
        ("DEU", "Q42", "guessing", "native", "nominal_scale"),
        ("DEU", "Q91", "guessing", "native", "knowledge_question"),
        ("GBR", "Q3", "guessing", "native", "incomplete_choices"),
        ("ZZZ", "Q1", "guessing", "native", "country_free"),
        (NOT_SURVEYED, "Q1", "guessing", "native", "country_not_surveyed"),
        ("ARG", "Q30", "guessing", "native", "not_asked"),
        ("CHN", "Q31", "guessing", "native", "not_asked"),
        ("USA", "Q1", "guessing", "paper", "no_dk_counts"),
    ],
)
def test_every_missing_comparison_has_its_reason(
    agreement: AgreementStudy,
    country_id: str,
    question_id: str,
    model_id: str,
    prompt_id: str,
    reason: str,
) -> None:
    cell = read(
        agreement.home,
        f"""select * from marts.fct_mean_scores
        where
            country_id = '{country_id}' and question_id = '{question_id}'
            and model_id = '{model_id}' and prompt_id = '{prompt_id}'
        """,
    ).iloc[0]
    assert cell["null_reason"] == reason
    assert np.isnan(cell["absolute_error"])


@pytest.mark.parametrize(
    ("model_id", "country_id", "reason"),
    [
        ("knowing", SPARSE, "too_few_questions"),
        ("knowing", NOT_SURVEYED, "country_not_surveyed"),
        ("uniform", "DEU", "no_variance_in_model"),
    ],
)
def test_every_missing_correlation_has_its_reason(
    agreement: AgreementStudy, model_id: str, country_id: str, reason: str
) -> None:
    row = read(
        agreement.home,
        f"""select * from marts.agg_country_correlations
        where model_id = '{model_id}' and country_id = '{country_id}'""",
    ).iloc[0]
    assert np.isnan(row["pearson_r"])
    assert row["null_reason"] == reason
    assert np.isnan(row["ci_low"])


def test_a_model_that_ignores_the_country_has_no_demeaned_r(agreement: AgreementStudy) -> None:
    rows = read(
        agreement.home,
        """select * from marts.agg_country_correlations
        where model_id = 'same-everywhere' and question_count >= 5""",
    )
    assert len(rows) > 10
    assert rows["pearson_r"].notna().all()
    assert rows["demeaned_pearson_r"].isna().all()
    assert set(rows["demeaned_null_reason"]) == {"no_country_variation"}
    np.testing.assert_allclose(rows["country_gain"], 0, atol=1e-9)


def test_prompts_without_a_country_enter_no_aggregate(agreement: AgreementStudy) -> None:
    for mart in (
        "agg_country_correlations",
        "agg_category_country_correlations",
        "agg_category_scores",
    ):
        count = read(
            agreement.home, f"select count(*) as n from marts.{mart} where country_id = 'ZZZ'"
        )
        assert count["n"].item() == 0


def test_older_cells_are_counted_not_mixed_in(agreement: AgreementStudy) -> None:
    cells = read(
        agreement.home,
        """select superseded_cells, count(*) as cells from marts.fct_mean_scores
        where model_id = 'guessing' and prompt_id = 'native' group by all""",
    ).set_index("superseded_cells")["cells"]
    assert cells[1] == 50
    assert cells[0] > 500


class Configuration(dict[str, int]):
    """What dbt gives a model in Python: its settings, and a call that sets some."""

    def __call__(self, **settings: str) -> None:
        """Settings of how dbt stores the table change no row."""


@pytest.mark.parametrize("models_at_once", [1, 2, 5])
def test_the_null_of_shuffled_countries_is_the_same_however_many_models_are_taken_at_once(
    agreement: AgreementStudy, models_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relations, "MODELS_AT_ONCE", models_at_once)
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        schemas = {"int_comparable_cells": "intermediate", "fct_mean_scores": "marts"}
        dbt = SimpleNamespace(
            ref=lambda name: connection.table(f"{schemas[name]}.{name}"),
            config=Configuration(minimum_questions=5),
            this=SimpleNamespace(schema="intermediate", identifier="not_built"),
        )
        found = int_shuffled_countries.model(dbt, connection).to_pandas()
    built = read(
        agreement.home,
        """select * from intermediate.int_shuffled_countries
        order by model_id, prompt_id, survey_id, country_id""",
    )
    assert built["model_id"].nunique() > 2
    pd.testing.assert_frame_equal(found, built[found.columns], rtol=1e-12, check_dtype=False)
