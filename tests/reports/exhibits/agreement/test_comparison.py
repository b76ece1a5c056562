"""Two designs, country by country."""

import duckdb
import numpy as np
import pytest

from tests.reports.exhibits.pictures import axis_labels, marks
from valuescope.reports.exhibits.agreement.comparison import COMPARING, compared_countries
from valuescope.reports.exhibits.exhibit import Row
from valuescope.reports.terminal.summary import Design, designs

(COUNTRIES,) = COMPARING
CHAT, BASE, LLAMA = "smollm2-360m-instruct-Q8_0", "smollm2-360m-Q8_0", "llama-2-7b-Q8_0"


def compare(connection: duckdb.DuckDBPyConnection, first: Design, second: Design) -> list[Row]:
    other = {"other_model_id": second.model_id, "other_prompt_id": second.prompt_id}
    return COUNTRIES.rows(connection, {**first.parameters, **other})


@pytest.fixture(scope="module")
def templated(paired: duckdb.DuckDBPyConnection) -> dict[str, Design]:
    """The designs asked through a chat template, by model."""
    return {
        design.model_id: design
        for design in designs(paired)
        if "chat template" in design.prompt_description
    }


@pytest.fixture(scope="module")
def chat_and_base(paired: duckdb.DuckDBPyConnection, templated: dict[str, Design]) -> list[Row]:
    return compare(paired, templated[CHAT], templated[BASE])


def test_both_r_are_those_of_the_cells_that_both_have(
    built: duckdb.DuckDBPyConnection, found: dict[str, Design]
) -> None:
    """`knowing` was interrupted in Czechia, and `guessing` lacks choices in Great Britain."""
    rows = compare(built, found["knowing-native"], found["guessing-native"])
    scores = built.execute(
        "select model_id, country_name, question_id, llm_mean_score, human_mean_score, "
        "blind_mean_score from marts.fct_mean_scores "
        "inner join marts.dim_countries using (country_id) where prompt_id = 'native' "
        "and model_id in ('knowing', 'guessing') and llm_mean_score is not null "
        "and human_mean_score is not null"
    ).fetch_df()
    knowing, guessing = (
        scores[scores["model_id"] == name].set_index(["country_name", "question_id"])
        for name in ("knowing", "guessing")
    )
    both = knowing.join(guessing.add_suffix("_guessed"), how="inner").reset_index()
    expected = {str(country): own for country, own in both.groupby("country_name")}
    assert {row["country_name"] for row in rows} == set(expected)
    for row in rows:
        own = expected[row["country_name"]]
        assert row["question_count"] == len(own)
        if len(own) < 5:
            assert (row["pearson_r"], row["difference"]) == (None, None)
            assert row["null_reason"] == "too_few_questions"
            continue
        people = own["human_mean_score"]
        first = np.corrcoef(own["llm_mean_score"], people)[0, 1]
        second = np.corrcoef(own["llm_mean_score_guessed"], people)[0, 1]
        assert row["pearson_r"] == pytest.approx(first, abs=1e-9)
        assert row["other_pearson_r"] == pytest.approx(second, abs=1e-9)
        assert row["difference"] == pytest.approx(first - second, abs=1e-9)
        assert row["blind_baseline_r"] == pytest.approx(
            np.corrcoef(own["blind_mean_score"], people)[0, 1], abs=1e-9
        )
    assert {row["null_reason"] for row in rows if row["difference"] is not None} == {
        "pair_not_in_marts"
    }
    assert any(row["question_count"] < 5 for row in rows)


def test_a_difference_is_that_of_the_mart_where_it_has_the_pair(chat_and_base: list[Row]) -> None:
    assert len(chat_and_base) == 12
    for row in chat_and_base:
        assert row["paired_delta"] == pytest.approx(row["difference"], abs=1e-9)
        assert row["ci_low"] < row["difference"] < row["ci_high"]
        assert row["null_reason"] is None
    # The r of neither is certain enough in a survey of so few batteries.
    assert {row["verdict"] for row in chat_and_base} == {"not distinguishable"}
    differences = [row["difference"] for row in chat_and_base]
    assert differences == sorted(differences, reverse=True)


def test_the_other_way_round_everything_changes_its_sign(
    paired: duckdb.DuckDBPyConnection, templated: dict[str, Design], chat_and_base: list[Row]
) -> None:
    turned = {row["country_id"]: row for row in compare(paired, templated[BASE], templated[CHAT])}
    opposite = {"higher": "lower", "not distinguishable": "not distinguishable"}
    for row in chat_and_base:
        other = turned[row["country_id"]]
        assert other["difference"] == pytest.approx(-row["difference"])
        assert other["paired_delta"] == pytest.approx(-row["paired_delta"])
        assert (other["ci_low"], other["ci_high"]) == (-row["ci_high"], -row["ci_low"])
        assert other["verdict"] == opposite[row["verdict"]]
        assert other["q_value"] == row["q_value"]


def test_sizes_of_a_family_have_intervals_and_strangers_have_none(
    paired: duckdb.DuckDBPyConnection, templated: dict[str, Design]
) -> None:
    sizes = compare(paired, templated["smollm2-135m-instruct-Q8_0"], templated[CHAT])
    assert all(row["ci_low"] < row["difference"] < row["ci_high"] for row in sizes)
    strangers = compare(paired, templated[LLAMA], templated[CHAT])
    assert len(strangers) == 12
    assert {row["ci_low"] for row in strangers} == {None}
    assert {row["null_reason"] for row in strangers} == {"pair_not_in_marts"}


def test_two_codings_have_no_cells_in_common(
    built: duckdb.DuckDBPyConnection, found: dict[str, Design]
) -> None:
    assert compare(built, found["guessing-native"], found["guessing-paper"]) == []


def test_a_model_without_variation_has_no_r_and_no_difference(
    built: duckdb.DuckDBPyConnection, found: dict[str, Design]
) -> None:
    rows = compare(built, found["knowing-native"], found["uniform-native"])
    enough = [row for row in rows if row["question_count"] >= 5]
    assert {row["other_pearson_r"] for row in enough} == {None}
    assert {row["null_reason"] for row in enough} == {"no_variance_in_model"}
    assert all(row["pearson_r"] is not None for row in enough)


def test_one_model_asked_in_two_ways_is_told_apart_by_the_prompt(
    paired: duckdb.DuckDBPyConnection, templated: dict[str, Design]
) -> None:
    raw = next(
        design
        for design in designs(paired)
        if design.model_id == CHAT and "chat raw" in design.prompt_description
    )
    (row, *_) = compare(paired, templated[CHAT], raw)
    assert row["model_name"].endswith("averaged template")
    assert row["other_model_name"].endswith("averaged raw")


def test_a_country_is_two_dots_joined_by_a_line_that_tells_them_apart_or_not(
    chat_and_base: list[Row],
) -> None:
    described = compared_countries()
    rows = [{**row, "verdict": "higher"} for row in chat_and_base[:5]] + chat_and_base[5:]
    strokes, dots = marks(described, rows, "symbol")
    assert len(strokes) == len(rows)
    assert len(dots) == 2 * len(rows)
    assert len({mark.attributes["fill"] for mark in dots}) == 2
    lines = marks(described, rows, "rule")[-1]
    told_apart = [mark for mark in lines if mark.said["said"] == "distinguishable"]
    assert len(lines) == len(rows)
    assert len(told_apart) == 5
    assert axis_labels(described, rows)[-len(rows) :] == [row["country_name"] for row in rows]
