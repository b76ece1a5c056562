"""The questions in analyses/: each runs, and says what can be worked out without it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import t

from tests.dbt_project.pairs_study import COUNTRIES, WEST, people
from tests.dbt_project.study import Instrument, build, dbt_output, read
from valuescope.warehouse.home import CLONE, DBT_PROJECT, Home
from valuescope.warehouse.tables.saved_queries import statement

ANALYSES = DBT_PROJECT / "analyses"
NAMES = sorted(path.stem for path in ANALYSES.glob("*.sql"))
# Asked in test_elicitations.py: nobody here is asked in two ways.
WITHOUT_ROWS = {"does_it_matter_how_it_is_asked"}

# What narrows an analysis down.
ONE = {
    "model": "smollm2-360m-instruct",
    "other_model": "people",
    "country": "KOR",
    "question": "Q1",
}


def described(name: str) -> dict[str, Any]:
    """What the analysis's yml says of it."""
    properties = yaml.safe_load((ANALYSES / f"{name}.yml").read_text(encoding="utf-8"))
    (analysis,) = properties["analyses"]
    assert analysis["name"] == name
    return dict(analysis)


def variables(name: str) -> list[str]:
    """The variables that narrow the analysis down, in the order of their first use."""
    text = (ANALYSES / f"{name}.sql").read_text(encoding="utf-8")
    used = re.findall(r'var_text\("(\w+)", "all"\)', text)
    return list(dict.fromkeys(used))


Ask = Callable[[str], pd.DataFrame]


@dataclass(frozen=True)
class Compiled:
    """All analyses as dbt compiles them, once as they are and once narrowed down."""

    whole: dict[str, str]
    about_one: dict[str, str]


def compiled_by_dbt(home: Home, **variables: str) -> dict[str, str]:
    result = build(home, "compile", "--select", "resource_type:analysis", **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    folder = dbt_output() / "target" / "compiled" / "valuescope" / "analyses"
    return {name: (folder / f"{name}.sql").read_text(encoding="utf-8") for name in NAMES}


@pytest.fixture(scope="module")
def compiled(pairs: Home) -> Compiled:
    return Compiled(compiled_by_dbt(pairs), compiled_by_dbt(pairs, **ONE))


@pytest.fixture(scope="module")
def rows_of(pairs: Home, compiled: Compiled) -> Iterator[Ask]:
    """Run a statement; opened once, and after dbt, which it would keep out."""
    with duckdb.connect(str(pairs.database), read_only=True) as connection:
        yield lambda statement: connection.execute(statement).fetch_df()


@pytest.fixture(scope="module")
def ask(rows_of: Ask, compiled: Compiled) -> Ask:
    return lambda name: rows_of(compiled.whole[name])


@pytest.fixture(scope="module")
def ask_about_one(rows_of: Ask, compiled: Compiled) -> Ask:
    return lambda name: rows_of(compiled.about_one[name])


@pytest.mark.parametrize("name", NAMES)
def test_an_analysis_returns_rows_with_the_columns_that_it_documents(ask: Ask, name: str) -> None:
    rows = ask(name)
    assert list(rows.columns) == [column["name"] for column in described(name)["columns"]]
    assert (len(rows) == 0) == (name in WITHOUT_ROWS)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_query_asks_what_dbt_compiles(
    rows_of: Ask, ask: Ask, ask_about_one: Ask, name: str
) -> None:
    chosen = {key: value for key, value in ONE.items() if key in variables(name)}
    pd.testing.assert_frame_equal(rows_of(statement(name)), ask(name))
    pd.testing.assert_frame_equal(rows_of(statement(name, chosen)), ask_about_one(name))


@pytest.mark.parametrize("name", NAMES)
def test_an_analysis_is_described_as_a_question(name: str) -> None:
    analysis = described(name)
    assert "?" in analysis["description"].split(". ")[0], analysis["description"]
    assert analysis["description"].rstrip().split(". ")[-1].startswith(("One row per", "without"))
    assert all(column["description"].strip() for column in analysis["columns"])


@pytest.mark.parametrize("name", NAMES)
def test_an_analysis_reads_marts_only(name: str) -> None:
    text = (ANALYSES / f"{name}.sql").read_text(encoding="utf-8")
    imports = "".join(re.findall(r"imports\((.*?)\)", text, flags=re.DOTALL))
    tables = set(re.findall(r"ref\('(\w+)'\)", text)) | set(re.findall(r"'(\w+)'", imports))
    tables -= {"printed_figures"}
    assert tables
    assert all(table.startswith(("dim_", "fct_", "agg_", "cmp_")) for table in tables)


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_narrows_the_answer_down(ask: Ask, ask_about_one: Ask, name: str) -> None:
    rows, everything = ask_about_one(name), ask(name)
    if variables(name):
        assert (len(rows) == 0) == (name in WITHOUT_ROWS)
        assert len(rows) <= len(everything)
    if "country" in variables(name):
        (column,) = {"country_name", "named_country"} & set(rows.columns)
        assert set(rows[column]) == {"South Korea"}
    if "question" in variables(name):
        assert set(rows["question_id"]) == {"Q1"}
    if "model" in variables(name) and "display_name" in rows and len(rows):
        assert set(rows["display_name"].dropna()) == {"SmolLM2 360M Instruct"}


def test_a_printed_figure_stands_beside_the_share_counted_by_hand(
    ask: Ask, instrument: Instrument
) -> None:
    rows = ask("tables_3_and_4_printed_figures")
    counts = people(instrument, seed=1)
    korea = counts[(counts["country_id"] == "KOR") & (counts["question_id"] == "Q186")]
    meant = korea[korea["code"].between(4, 7)]["sum_of_weights"].sum()
    valid = korea[korea["code"] > 0]["sum_of_weights"].sum()
    own = rows[(rows["question_id"] == "Q186") & (rows["coding_id"] == "native")]
    assert set(own["answer"]) == {"4-7"}
    assert own["printed_share"].to_numpy() == pytest.approx(0.65)
    assert own["survey_share"].to_numpy() == pytest.approx(meant / valid)
    knowing = own[own["display_name"] == "people"]
    assert knowing["llm_probability"].to_numpy() == pytest.approx(meant / valid, abs=1e-4)

    crime = rows[(rows["question_id"] == "Q156") & (rows["coding_id"] == "paper")].iloc[0]
    singapore = counts[(counts["country_id"] == "SGP") & (counts["question_id"] == "Q156")]
    denominator = singapore[singapore["code"] >= -1]["sum_of_weights"].sum()
    fourth = singapore[singapore["code"] == 4]["sum_of_weights"].sum()
    assert crime["survey_share"] == pytest.approx(fourth / denominator)


def test_a_printed_figure_without_a_survey_says_so(ask: Ask) -> None:
    rows = ask("tables_3_and_4_printed_figures")
    japan = rows[rows["country_name"] == "Japan"]
    assert len(japan) == 2
    assert japan["survey_share"].isna().all()
    assert japan["agrees"].isna().all()
    assert set(japan["null_reason"]) == {"not_loaded"}
    assert rows.loc[rows["survey_share"].notna(), "null_reason"].isna().all()


def score(counts: pd.DataFrame, country_id: str, question_id: str) -> float:
    """Mean score of a four-point question, by hand."""
    own = counts[(counts["country_id"] == country_id) & (counts["question_id"] == question_id)]
    own = own[own["code"] > 0]
    return float(np.average(-1 + 2 * (own["code"] - 1) / 3, weights=own["sum_of_weights"]))


@pytest.mark.parametrize(
    ("name", "later", "earlier", "column"),
    [
        ("what_changes_between_waves", (1, 7), (2, 6), "difference"),
        ("do_men_and_women_differ", (3, 7), (4, 7), "difference"),
    ],
)
def test_a_difference_between_peoples_is_that_of_their_means(
    ask_about_one: Ask,
    instrument: Instrument,
    name: str,
    later: tuple[int, int],
    earlier: tuple[int, int],
    column: str,
) -> None:
    (row,) = ask_about_one(name).to_dict("records")
    expected = score(people(instrument, *later), "KOR", "Q1") - score(
        people(instrument, *earlier), "KOR", "Q1"
    )
    assert row[column] == pytest.approx(expected)
    assert (row["ci_low"] + row["ci_high"]) / 2 == pytest.approx(expected)
    assert 0 < row["standard_error"] < 0.1


def test_a_model_that_copies_people_gives_the_named_people_s_answers(ask: Ask) -> None:
    rows = ask("whose_answers_does_it_give")
    own = rows[(rows["display_name"] == "people") & (rows["named_country"] != "No country named")]
    assert len(own) == len(COUNTRIES)
    assert own["are_the_named_people"].all()
    assert own["r_with_nearest_people"].to_numpy() == pytest.approx(1, abs=1e-6)
    free = rows[rows["named_country"] == "No country named"]
    assert free["r_with_named_people"].isna().all()


def test_a_model_that_copies_people_beats_the_blind_baseline_everywhere(ask: Ask) -> None:
    best = ask("does_it_beat_the_blind_baseline").iloc[0]
    assert best["display_name"] == "people"
    assert best["mean_pearson_r"] == pytest.approx(1, abs=1e-6)
    assert best["verdict"] == "better than the blind baseline"
    assert best["countries_above_blind"] == best["countries_with_skill"] == len(COUNTRIES)


def test_what_determines_the_numbers_holds_hashes_files_and_variables(ask: Ask) -> None:
    facts = ask("what_determines_my_numbers").set_index(["part", "part_id", "fact"])["fact_value"]
    assert facts["model", "llama-2-7b-Q8_0", "file"] == "llama-2-7b.gguf"
    assert facts["survey file", "wave7", "sha256"] == "wave7"
    assert facts["build", "variables", "minimum_batteries"] == "5"
    assert facts["prompt", "reverse-raw", "template"] == "{question}"
    assert ("survey file", "wave6", "sha256") not in facts.index


def above_blind(cells: pd.DataFrame) -> float:
    """rho0 of the model minus rho0 of the blind baseline."""
    m, b, h = (cells[f"{who}_mean_score"].to_numpy() for who in ("llm", "blind", "human"))
    return float(m @ h / np.sqrt(m @ m * (h @ h)) - b @ h / np.sqrt(b @ b * (h @ h)))


def test_intervals_of_categories_are_those_of_batteries_left_out_one_by_one(pairs: Home) -> None:
    cells = read(pairs, "select * from intermediate.int_comparable_cells")
    mart = read(pairs, "select * from marts.agg_category_correlations")
    intervals = mart[mart["rho0_above_blind_ci_low"].notna()]
    assert set(intervals["category_id"]) == {"happiness_and_wellbeing", "corruption"}
    for row in intervals.to_dict("records"):
        own = cells[
            (cells["model_id"] == row["model_id"])
            & (cells["prompt_id"] == row["prompt_id"])
            & (cells["category_id"] == row["category_id"])
        ]
        batteries = own["battery_id"].unique()
        left_out = [above_blind(own[own["battery_id"] != battery]) for battery in batteries]
        count = len(batteries)
        squares = np.square(np.array(left_out) - above_blind(own))
        error = float(np.sqrt((count - 1) * squares.mean()))
        sizes = own.drop_duplicates("question_id")["battery_id"].value_counts()
        freedom = float(sizes.sum() ** 2 / (sizes**2).sum()) - 1
        estimate, half = above_blind(own), float(t.ppf(0.975, freedom)) * error
        assert row["battery_count"] == count >= 5
        assert row["rho0_above_blind"] == pytest.approx(estimate, abs=1e-9)
        assert row["rho0_above_blind_ci_low"] == pytest.approx(estimate - half, abs=1e-9)
        assert row["rho0_above_blind_ci_high"] == pytest.approx(estimate + half, abs=1e-9)
        p_value = 2 * float(t.sf(abs(estimate) / error, freedom))
        assert row["rho0_above_blind_p_value"] == pytest.approx(p_value, abs=1e-9)


def test_q_values_of_categories_are_adjusted_over_those_of_one_design(pairs: Home) -> None:
    mart = read(pairs, "select * from marts.agg_category_correlations")
    tested = mart.dropna(subset="rho0_above_blind_p_value")
    for _, family in tested.groupby(["model_id", "prompt_id"]):
        (first, last) = family.sort_values("rho0_above_blind_p_value").to_dict("records")
        assert last["rho0_above_blind_q_value"] == last["rho0_above_blind_p_value"]
        assert first["rho0_above_blind_q_value"] == pytest.approx(
            min(2 * first["rho0_above_blind_p_value"], last["rho0_above_blind_p_value"])
        )
    few = mart[(mart["battery_count"] > 0) & (mart["battery_count"] < 5)]
    assert set(few["interval_null_reason"]) == {"too_few_batteries"}


def test_a_category_has_a_verdict_by_its_place_among_random_answers_and_else_a_reason(
    ask: Ask,
) -> None:
    rows = ask("observation_1_categories")
    has_verdict = rows["is_order_controlled"] & rows["q_value"].notna()
    assert (rows["verdict"].notna() == has_verdict).all()
    assert (rows["verdict"].notna() == rows["verdict_null_reason"].isna()).all()
    people_s = rows[(rows["display_name"] == "people") & rows["q_value"].notna()]
    assert {"Happiness and well-being", "Corruption"} <= set(people_s["category_name"])
    assert (people_s["random_place"] > 0.99).all()
    assert (people_s["q_value"] < 0.05).all()


def test_the_western_gap_is_what_the_west_has_above_blind_more_than_others(
    ask: Ask, pairs: Home, instrument: Instrument
) -> None:
    rows = ask("observation_2_western_gap")
    countries = read(
        pairs,
        "select * from marts.agg_country_correlations "
        "where model_id = 'llama-2-7b-Q8_0' and is_order_controlled",
    )
    (prompt_id,) = countries["prompt_id"].unique()
    names = read(pairs, "select prompt_id, prompt_name from marts.dim_prompts").set_index(
        "prompt_id"
    )
    countries = countries.merge(instrument.countries, on="country_id")
    above, demeaned = countries["r_above_blind"], countries["demeaned_pearson_r"]
    own = rows[
        (rows["display_name"] == "Llama 2 7B")
        & (rows["prompt_name"] == names.loc[prompt_id, "prompt_name"])
    ].set_index("membership")
    assert set(own.index) == {"paper", "weog", "inglehart_welzel"}
    for membership, row in own.iterrows():
        flag = countries[f"is_western_{membership}"]
        west, elsewhere = above[flag.eq(True)], above[flag.eq(False)]
        assert row["west_country_count"] == len(west) == len(WEST)
        assert row["western_gap"] == pytest.approx(west.mean() - elsewhere.mean(), abs=1e-9)
        assert row["random_gap_low"] < row["random_gap"] < row["random_gap_high"]
        expected = demeaned[flag.eq(True)].mean() - demeaned[flag.eq(False)].mean()
        assert row["estimate"] == pytest.approx(expected, abs=1e-9)
        assert row["ci_low"] < row["estimate"] < row["ci_high"]
        assert row["q_value"] <= 1
    assert (rows["verdict"].notna() == rows["verdict_null_reason"].isna()).all()


def test_base_and_chat_are_split_into_weights_and_template(ask: Ask) -> None:
    rows = ask("observation_6_base_and_chat")
    own = rows[rows["measure"] == "pearson_r"].set_index("effect")
    assert set(own.index) == {"weights", "template", "total"}
    assert set(own["display_name"]) == {"SmolLM2 360M Instruct"}
    assert set(own.loc[["weights", "total"], "compared_with"]) == {"SmolLM2 360M"}
    assert own.loc["template", "compared_with"] == "SmolLM2 360M Instruct"
    assert (own["ci_low"] < own["estimate"]).all()
    assert (own["estimate"] < own["ci_high"]).all()


def test_sizes_are_compared_within_a_family_only(ask: Ask) -> None:
    rows = ask("observation_4_model_size")
    assert set(rows["model_family"]) == {"smollm2"}
    assert set(rows["larger_model"]) == {"SmolLM2 360M Instruct"}
    assert set(rows["smaller_model"]) == {"SmolLM2 135M Instruct"}


@pytest.mark.parametrize(
    "name", ["observation_3_multilingual_corpus", "observation_5_synthetic_data"]
)
def test_corpora_are_described_and_never_judged(ask: Ask, name: str) -> None:
    rows = ask(name)
    assert rows["estimate"].notna().all()
    assert rows["verdict"].isna().all()
    assert rows["verdict_null_reason"].notna().all()


def test_orders_are_compared_on_the_same_cells(ask: Ask, pairs: Home) -> None:
    rows = ask("how_much_does_order_matter")
    assert set(rows["first_order"]) == {"forward"}
    assert set(rows["second_order"]) == {"reverse"}
    scores = read(
        pairs,
        """select * from marts.fct_mean_scores where
        model_id = 'llama-2-7b-Q8_0' and country_id != 'ZZZ' and llm_mean_score is not null""",
    ).pivot(index=["question_id", "country_id"], columns="prompt_id", values="llm_mean_score")
    moved = (scores["forward-template"] - scores["reverse-template"]).abs()
    (own,) = rows[rows["display_name"] == "Llama 2 7B"].to_dict("records")
    assert own["cell_count"] == len(moved)
    assert own["mean_absolute_change"] == pytest.approx(moved.mean())
    assert own["change_of_the_95th_percentile"] == pytest.approx(moved.quantile(0.95))


def documented_table() -> str:
    """The table of docs/questions.md that the yml files make."""
    lines = ["| question | analysis | variables |", "| --- | --- | --- |"]
    for name in NAMES:
        question = re.split(r"(?<=\?)", " ".join(described(name)["description"].split()))[0]
        used = ", ".join(f"`{variable}`" for variable in variables(name))
        link = f"[`{name}`](../dbt_project/analyses/{name}.sql)"
        lines.append(f"| {question} | {link} | {used} |")
    return "\n".join(lines) + "\n"


def test_the_page_of_questions_lists_every_analysis() -> None:
    page = (CLONE / "docs" / "questions.md").read_text(encoding="utf-8")
    assert documented_table() in page, f"docs/questions.md should hold:\n{documented_table()}"
