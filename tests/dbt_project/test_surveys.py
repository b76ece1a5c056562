"""Several surveys in one warehouse: the numbers of each are those that it has alone."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import (
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    failing,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read,
)
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.surveys import COLUMNS

COUNTRIES = ["AND", "CYP", "CZE", "DEU", "GBR", "GRC", "ARG", "BOL", "CHN", "IDN", "JPN", "EGY"]
SEEDS_QUESTIONS = [f"Q{number}" for number in (*range(1, 7), *range(46, 51), *range(177, 189))]
MODELS = ("first", "second")
# Names that the seeds have too; five choices where theirs have four or ten.
OWN_CATEGORIES = ["social_values", "ethical_values"]
OWN_QUESTIONS = [f"Q{number}" for number in range(1, 23)]
CHOICE_COUNT = 5


def write_own_survey(home: Home, survey_id: str) -> None:
    """A survey whose names of questions and categories are those of the seeds."""
    folder = home.surveys / survey_id
    folder.mkdir(parents=True)
    write(folder, "survey", [[survey_id, 'A survey\'s "name", quoted', 7, "", ""]])
    write(
        folder,
        "categories",
        [
            [f"{survey_id}:{name}", survey_id, name, order, "false", ""]
            for order, name in enumerate(OWN_CATEGORIES)
        ],
    )
    write(
        folder,
        "questions",
        [
            [
                *(f"{survey_id}:{name}", survey_id, order),
                *(f"{survey_id}:{OWN_CATEGORIES[order % 2]}", f"battery {order // 2}", name),
                *(f"Do you like {name}?\nSay so.", "ordinal", 1, "likes it", "false", "", "", ""),
            ]
            for order, name in enumerate(OWN_QUESTIONS)
        ],
    )
    write(
        folder,
        "choices",
        [
            ["native", f"{survey_id}:{name}", index, f"{index}, or so", index, "true", "false"]
            for name in OWN_QUESTIONS
            for index in range(1, CHOICE_COUNT + 1)
        ],
    )


def write(folder: Path, name: str, rows: Iterable[list[object]]) -> None:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS[name], *rows])


def load_own_survey(home: Home, survey_id: str, seed: int) -> None:
    write_own_survey(home, survey_id)
    choices = pd.read_csv(home.surveys / survey_id / "choices.csv", dtype={"survey_codes": str})
    own = Instrument(pd.DataFrame(), choices, pd.DataFrame())
    counts = random_counts(own, list(choices["question_id"].unique()), COUNTRIES, seed)
    add_load(home, survey_id, counts, survey_id=survey_id)


def load_seeds_survey(home: Home, instrument: Instrument) -> None:
    counts = random_counts(instrument, SEEDS_QUESTIONS, COUNTRIES, seed=1)
    # A question under another survey's name is not that survey's.
    stray = counts.query("question_id == 'Q1'").assign(question_id="own:Q1")
    add_load(home, "wvs", pd.concat([counts, stray]))


def score(home: Home, question_ids: list[str], choice_count: Callable[[str], int]) -> None:
    """Both models answer every question in every country under one prompt."""
    land_design(home, "prompt")
    for model_id in MODELS:
        land_model(home, model_id)
        land_run(home, f"{model_id}-run", model_id, "prompt")
        cells = []
        for question_id in question_ids:
            random = np.random.default_rng([*model_id.encode(), *question_id.encode()])
            for country_id in [*COUNTRIES, "ZZZ"]:
                cell = {
                    "run_id": f"{model_id}-run",
                    "model_id": model_id,
                    "prompt_id": "prompt",
                    "question_id": question_id,
                    "country_id": country_id,
                }
                cells.append((cell, list(random.normal(size=choice_count(question_id)) - 6)))
        land_cells(home, cells)


@pytest.fixture(scope="module")
def homes(
    new_home: Callable[[], Home], instrument: Instrument, agreement: AgreementStudy
) -> dict[str, Home]:
    """The seeds' survey and one's own: each alone, and together."""
    homes = {name: new_home() for name in ("wvs", "own", "together")}
    for name in ("wvs", "together"):
        load_seeds_survey(homes[name], instrument)
        score(homes[name], SEEDS_QUESTIONS, instrument.choice_count)
    for name in ("own", "together"):
        load_own_survey(homes[name], "own", seed=2)
        own = [f"own:{question}" for question in OWN_QUESTIONS]
        score(homes[name], own, lambda _: CHOICE_COUNT)
    build_successfully(homes["wvs"], *WITHOUT_TESTS)
    build_successfully(homes["own"], *WITHOUT_TESTS)
    # With the project's own tests of data, which hold for other surveys too.
    build_successfully(homes["together"], *WITHOUT_TESTS)
    assert failing(homes["together"], agreement.tests_of_data) == []
    return homes


# One order, one precision, one elicitation and models of no registry leave nothing to average or to
# compare.
NOT_IN_THESE_DESIGNS = {
    "intermediate.int_averaged_distributions",
    "intermediate.int_change_correlations",
    "intermediate.int_changes",
    "intermediate.int_compared_pairs",
    "intermediate.int_elicitation_pairs",
    "intermediate.int_group_agreement",
    "intermediate.int_group_cells",
    "intermediate.int_group_differences",
    "intermediate.int_named_cells",
    "intermediate.int_paired_deltas",
    "intermediate.int_specification_correlations",
    "intermediate.int_steering",
    "intermediate.int_subject_mean_scores",
    "marts.agg_change_correlations",
    "marts.agg_group_correlations",
    "marts.agg_group_differences",
    "marts.agg_question_steering",
    "marts.agg_steering",
    "marts.cmp_base_chat",
    "marts.cmp_corpus",
    "marts.cmp_elicitations",
    "marts.cmp_model_size",
    "marts.cmp_quantization",
    "marts.cmp_quantization_cells",
    "marts.fct_changes",
}


def tables_by_survey(home: Home) -> list[str]:
    """Every table that says whose survey its rows are, the instrument's own aside."""
    tables = read(
        home,
        """select table_schema || '.' || table_name as name
        from information_schema.columns
        where column_name = 'survey_id' and table_schema in ('intermediate', 'marts')
        order by name""",
    )
    return [name for name in tables["name"] if not name.startswith("marts.dim_")]


def rows(home: Home, table: str, survey_id: str) -> pd.DataFrame:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        # Loads stand beside each other in both homes, so nothing of them may differ either.
        found = connection.execute(
            f"select * from {table} where survey_id = ? order by all", [survey_id]
        ).df()
    # What a design was built from holds the instruments of all surveys.
    return found.drop(columns="source_fingerprint", errors="ignore")


@pytest.mark.parametrize("survey_id", ["wvs", "own"])
def test_every_number_of_a_survey_is_the_one_that_it_has_alone(
    homes: dict[str, Home], survey_id: str
) -> None:
    tables = tables_by_survey(homes["together"])
    assert len(tables) >= 16
    for table in tables:
        alone = rows(homes[survey_id], table, survey_id)
        together = rows(homes["together"], table, survey_id)
        if table in NOT_IN_THESE_DESIGNS:
            assert len(alone) == 0, table
            continue
        assert len(alone) > 0, table
        pd.testing.assert_frame_equal(together, alone, rtol=1e-9, atol=1e-12, obj=table)


def test_both_surveys_have_what_is_compared(homes: dict[str, Home]) -> None:
    """Otherwise the test above would compare nulls."""
    found = read(
        homes["together"],
        """select survey_id, count(pearson_r), count(ci_low), count(demeaned_pearson_r),
            count(blind_baseline_r), count(skill)
        from marts.agg_country_correlations group by all order by all""",
    )
    expected = len(MODELS) * len(COUNTRIES)
    assert found.to_numpy().tolist() == [["own", *[expected] * 5], ["wvs", *[expected] * 5]]
    ranked = read(
        homes["together"],
        """select survey_id, min(category_rank), max(category_rank)
        from marts.agg_category_correlations where is_ranked group by all order by all""",
    )
    assert ranked.to_numpy().tolist() == [["own", 1, 2], ["wvs", 1, 1]]


def test_the_dimensions_hold_both_surveys(homes: dict[str, Home]) -> None:
    surveys = read(homes["together"], "select * from marts.dim_surveys order by survey_id")
    assert surveys[
        ["survey_id", "survey_name", "default_wave", "question_count"]
    ].to_numpy().tolist() == [
        ["evs", "European Values Study", 5, 0],
        ["own", 'A survey\'s "name", quoted', 7, len(OWN_QUESTIONS)],
        ["wvs", "World Values Survey", 7, 258],
    ]
    assert surveys["citation"].isna().tolist() == [False, True, False]
    question = read(
        homes["together"],
        "select * from marts.dim_questions where question_id = 'own:Q2'",
    ).iloc[0]
    assert question["wording"] == "Do you like Q2?\nSay so."
    assert question["category_id"] == "own:ethical_values"
    choices = read(
        homes["together"],
        "select choice_text from marts.dim_choices where question_id = 'own:Q2' "
        "order by choice_index",
    )
    assert list(choices["choice_text"]) == [f"{index}, or so" for index in range(1, 6)]


def test_a_question_under_another_survey_s_name_is_in_no_mart(homes: dict[str, Home]) -> None:
    raw = "select count(*) as n from raw.human_marginals where survey_id = 'wvs' and question_id"
    assert read(homes["together"], f"{raw} = 'own:Q1'")["n"].item() > 0
    facts = read(
        homes["together"],
        """select distinct survey_id, population_id from marts.fct_human_mean_scores
        where question_id = 'own:Q1'""",
    )
    assert facts.to_numpy().tolist() == [["own", "own:7:within_country:all"]]
