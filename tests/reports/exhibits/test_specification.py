"""What a researcher's own choices do: the curve of specifications, and where variance lies."""

import duckdb
import pytest

from tests.reports.exhibits.pictures import axis_labels, marks
from valuescope.reports.exhibits import specification as charts
from valuescope.reports.exhibits.exhibit import Row
from valuescope.reports.exhibits.specification import EXHIBITS
from valuescope.reports.terminal.summary import Design, designs

CURVE, VARIANCE, PROMPTS, _ = EXHIBITS
NORMALIZATIONS = {"sum", "per_token", "per_byte", "label", "pmi", "temperature"}


@pytest.fixture(scope="module")
def design(paired: duckdb.DuckDBPyConnection) -> Design:
    """A model that was asked in two orders, with and without its template."""
    return next(
        design
        for design in designs(paired)
        if design.model_id == "smollm2-360m-instruct-Q8_0"
        and "chat template" in design.prompt_description
    )


@pytest.fixture(scope="module")
def curve(paired: duckdb.DuckDBPyConnection, design: Design) -> list[Row]:
    return CURVE.rows(paired, design.parameters)


def test_the_curve_has_every_specification_of_the_model_from_high_to_low(curve: list[Row]) -> None:
    chosen = {
        (row["choice_order"], row["chat_mode"], row["normalization"])
        for row in curve
        if row["pearson_r"] is not None
    }
    assert chosen == {
        (order, chat_mode, normalization)
        for order in ("forward", "reverse", "averaged")
        for chat_mode in ("raw", "template")
        for normalization in NORMALIZATIONS
    }
    assert len(curve) == len(chosen) == 36
    r = [row["pearson_r"] for row in curve]
    assert r == sorted(r, reverse=True)
    assert [row["rank"] for row in curve] == list(range(1, 37))


def test_r_of_the_chosen_design_is_its_mean_r(
    paired: duckdb.DuckDBPyConnection, design: Design, curve: list[Row]
) -> None:
    """All specifications have all cells here, so they are the headline's."""
    (chosen,) = [row for row in curve if row["is_chosen"]]
    assert chosen["pearson_r"] == pytest.approx(design.mean_pearson_r, abs=1e-9)
    assert chosen["blind_baseline_r"] == pytest.approx(design.mean_blind_baseline_r, abs=1e-9)
    single = paired.execute(
        "select avg(pearson_r) from marts.agg_country_correlations "
        "where model_id = $model_id and prompt_id = 'reverse-raw'",
        {"model_id": design.model_id},
    ).fetchall()[0][0]
    (other,) = [
        row
        for row in curve
        if (row["choice_order"], row["chat_mode"], row["normalization"])
        == ("reverse", "raw", "sum")
    ]
    assert other["pearson_r"] == pytest.approx(single, abs=1e-9)


def test_each_specification_is_a_point_above_and_a_stroke_in_each_choice_below(
    curve: list[Row],
) -> None:
    described = charts.specification_curve()
    (points,) = marks(described, curve, "symbol")
    kinds = [mark.said["kind"] for mark in points]
    assert kinds.count("blind baseline") == 36
    assert kinds.count("a specification") == 35
    assert kinds.count("the chosen design") == 1
    assert kinds[-1] == "the chosen design", "drawn last, on top of its neighbours"
    (strokes,) = marks(described, curve, "rect")
    # Order, normalisation and chat mode differ; template, answer style, coding and wording do not.
    assert len(strokes) == 3 * 36
    levels = [label for label in axis_labels(described, curve) if ": " in label]
    assert len(levels) == 3 + 6 + 2
    assert [level.split(": ")[0] for level in levels] == (
        ["order"] * 3 + ["normalisation"] * 6 + ["chat"] * 2
    )
    # What a specification is stands under its point.
    across = {round(mark.x) for mark in points if mark.said["kind"] != "blind baseline"}
    assert len(across) == 36


def test_too_few_designs_draw_no_curve_and_say_so(
    built: duckdb.DuckDBPyConnection, found: dict[str, Design]
) -> None:
    rows = CURVE.rows(built, found["knowing-native"].parameters)
    assert {row["null_reason"] for row in rows} == {"too_few_designs"}
    described = charts.specification_curve()
    assert [[mark.text for mark in layer] for layer in marks(described, rows, "text")] == [
        ["nothing to draw: too few designs"]
    ]
    assert marks(described, rows, "symbol") == []


def test_shares_of_variance_are_largest_first_and_sum_to_one(
    paired: duckdb.DuckDBPyConnection, design: Design
) -> None:
    rows = VARIANCE.rows(paired, design.parameters)
    known = [row for row in rows if row["share_of_total"] is not None]
    assert sum(row["share_of_total"] for row in known) == pytest.approx(1)
    assert [row["share_of_total"] for row in known] == sorted(
        (row["share_of_total"] for row in known), reverse=True
    )
    assert {row["component_name"] for row in known} == {
        *("question", "country", "choice order", "chat mode"),
        *("question by country", "question by choice order", "question by chat mode"),
        "residual",
    }
    assert {row["null_reason"] for row in rows if row not in known} == {"single_level"}
    (bars,) = marks(charts.variance_components(), rows, "rect")
    assert len(bars) == len(known)
    assert axis_labels(charts.variance_components(), rows)[-len(known) :] == [
        row["component_name"] for row in known
    ]


def test_the_share_of_questions_is_that_of_their_means(
    paired: duckdb.DuckDBPyConnection, design: Design
) -> None:
    """The layout is balanced: every question in every country under four designs."""
    scores = paired.execute(
        "select question_id, llm_mean_score from marts.fct_mean_scores "
        "inner join marts.dim_prompts using (prompt_id) where model_id = $model_id "
        "and not is_derived and country_id != 'ZZZ' and llm_mean_score is not null",
        {"model_id": design.model_id},
    ).fetch_df()
    total = scores["llm_mean_score"].var(ddof=0)
    means = scores.groupby("question_id")["llm_mean_score"]
    assert means.size().nunique() == 1
    rows = {row["component_name"]: row for row in VARIANCE.rows(paired, design.parameters)}
    assert rows["question"]["share_of_total"] == pytest.approx(
        means.mean().var(ddof=0) / total, abs=1e-9
    )


def test_prompts_and_batteries_are_said_in_a_line() -> None:
    row: Row = {
        "measure": "pearson_r",
        "is_asked": True,
        "estimate": 0.35,
        "ci_low": 0.2,
        "ci_high": 0.48,
        "battery_share": 0.6,
        "prompt_share": 0.3,
        "battery_by_prompt_share": 0.1,
    }
    assert PROMPTS.finding is not None
    assert PROMPTS.finding([{**row, "measure": "demeaned_pearson_r"}, row]) == (
        "r over all prompts is .35 [.20, .48]: batteries 60%, prompts 30%, both together 10%"
    )
    assert PROMPTS.finding([{**row, "ci_low": None}]) is None


def test_prompt_errors_are_those_of_the_mart(
    paired: duckdb.DuckDBPyConnection, design: Design
) -> None:
    rows = PROMPTS.rows(paired, design.parameters)
    assert {row["measure"] for row in rows} == {"pearson_r", "demeaned_pearson_r"}
    # Two orders are two prompts; its chat modes are other ways of using it.
    assert {row["null_reason"] for row in rows} == {"too_few_designs"}
    assert [row["is_asked"] for row in rows] == [True, True]


def way(other: str, **changed: object) -> Row:
    """A row of draws beside another way."""
    return {
        "pair_name": f"mine: sampled beside {other}",
        "elicitation": "sampled",
        "other_elicitation": other,
        "mean_total_variation": 0.125,
        "mean_score_pearson_r": 0.5,
        "pearson_r": 0.25,
        "other_pearson_r": 0.5,
        "pearson_r_delta": -0.25,
        "pearson_r_delta_ci_low": -0.5,
        "pearson_r_delta_ci_high": 0.0,
        "rank": 1,
        **changed,
    }


def test_each_pair_of_ways_has_both_rs_and_how_far_apart_they_are() -> None:
    rows = [way("likelihood"), way("probability", rank=2, mean_score_pearson_r=None)]
    described = charts.elicitations()
    found = [(mark.said["kind"], mark.x) for mark in marks(described, rows, "symbol")[-1]]
    assert sorted(kind for kind, _ in found) == ["likelihood", "probability", "sampled", "sampled"]
    (drawn,) = {x for kind, x in found if kind == "sampled"}
    others = [x / drawn for kind, x in found if kind != "sampled"]
    assert others == pytest.approx([2, 2])
    (texts,) = marks(described, rows, "text")
    assert [mark.text for mark in texts] == [
        "shares are 0.13 apart; r of mean scores 0.50",
        "shares are 0.13 apart",
    ]


def test_the_ways_that_differ_most_are_named_with_the_difference_of_r() -> None:
    far = way("likelihood", mean_total_variation=0.5)
    assert charts.ways_apart([way("probability"), far]) == (
        "mine: sampled beside likelihood: shares are .50 apart on average; "
        "mean r differs by \u2212.25 [\u2212.50, .00]"
    )
    unknown = {**far, "pearson_r_delta": None}
    assert charts.ways_apart([unknown]) == (
        "mine: sampled beside likelihood: shares are .50 apart on average"
    )
    assert charts.ways_apart([]) is None
