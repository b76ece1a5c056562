"""What a researcher's own choices do to the numbers."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import (
    across,
    by_rank,
    kinds,
    lookup,
    named_rows,
    numbers,
    rows_with,
    why_nothing,
    zero,
)
from valuescope.reports.charts.palette import GREEN, INK, MODEL, ORANGE, PEOPLE, PURPLE
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Row, Section
from valuescope.reports.files.number_format import brackets, decimals

_CURVE_HEIGHT = 170
_GAP = 24
_LEVELS_HEIGHT = 270
_COMPONENT_HEIGHT = 20
_PAIR_HEIGHT = 56

_CHOSEN = "the chosen design"
_FACTORS = {
    "template_id": "template",
    "choice_order": "order",
    "answer_style": "answer",
    "normalization": "normalisation",
    "coding_id": "coding",
    "wording_set": "wording",
    "chat_mode": "chat",
    "elicitation": "elicitation",
}
# Ways to elicit answers, with colour and shape.
_WAYS = {
    "likelihood": (MODEL, "circle"),
    "probability": (GREEN, "square"),
    "sampled": (ORANGE, "diamond"),
    "verbalised": (PURPLE, "triangle-up"),
}
_CURVE = {"pearson_r": "a specification", "blind_baseline_r": "blind baseline"}


def specification_curve() -> dict[str, Any]:
    """Draw r of every specification from high to low; below, what each of them is."""
    across = alt.X("rank:Q", title="specifications, highest r first", axis=alt.Axis(grid=False))
    tooltip = [
        *(alt.Tooltip(f"{column}:N", title=title) for column, title in _FACTORS.items()),
        *numbers(
            ("pearson_r", "mean r"),
            ("blind_baseline_r", "blind baseline"),
            ("demeaned_pearson_r", "demeaned r"),
        ),
    ]
    known = rows_with("pearson_r")
    curve = (
        known.transform_fold(list(_CURVE), as_=["column", "r"])
        .transform_filter("isValid(datum.r)")
        .transform_calculate(
            kind=f"datum.is_chosen && datum.column == 'pearson_r' ? '{_CHOSEN}' : "
            + lookup(_CURVE, "column"),
            on_top="datum.is_chosen && datum.column == 'pearson_r' ? 1 : 0",
        )
        .mark_point(filled=True, opacity=1, strokeWidth=2)
        .encode(
            x=across,
            y=alt.Y(
                "r:Q",
                title="mean r",
                scale=alt.Scale(zero=True, range=[_CURVE_HEIGHT, 0]),
                axis=alt.Axis(titleY=_CURVE_HEIGHT / 2, titleAnchor="middle"),
            ),
            **kinds(
                [*_CURVE.values(), _CHOSEN],
                [MODEL, PEOPLE, ORANGE],
                ["circle", "stroke", "diamond"],
            ),
            size=alt.condition(f"datum.kind === '{_CHOSEN}'", alt.value(110), alt.value(32)),
            order=alt.Order("on_top:Q"),
            tooltip=tooltip,
        )
    )
    levels = (
        known.transform_fold(list(_FACTORS), as_=["factor", "level"])
        .transform_joinaggregate(levels="distinct(level)", groupby=["factor"])
        .transform_filter("datum.levels > 1")
        .transform_calculate(
            named=lookup(_FACTORS, "factor") + " + ': ' + datum.level",
            factor_order=f"indexof({list(_FACTORS)}, datum.factor)",
        )
        .mark_tick(color=MODEL, thickness=2)
        .encode(
            x=across,
            y=alt.Y(
                "named:N",
                title=None,
                scale=alt.Scale(
                    range=[_CURVE_HEIGHT + _GAP, _CURVE_HEIGHT + _GAP + _LEVELS_HEIGHT]
                ),
                sort=alt.EncodingSortField(field="factor_order", op="min", order="ascending"),
                axis=alt.Axis(orient="left", domain=False, ticks=False),
            ),
            tooltip=tooltip,
        )
    )
    return specification(
        alt.layer(curve, levels, why_nothing("pearson_r"))
        .resolve_scale(y="independent")
        .properties(height=_CURVE_HEIGHT + _GAP + _LEVELS_HEIGHT)
    )


def variance_components() -> dict[str, Any]:
    """Draw one bar per component: its share of the variance of the model's mean scores."""
    bars = (
        rows_with("share_of_total")
        .mark_bar(color=MODEL)
        .encode(
            x=alt.X(
                "share_of_total:Q",
                title="share of the variance of mean scores",
                axis=alt.Axis(format=".0%", tickCount=8),
                scale=alt.Scale(zero=True),
            ),
            y=alt.Y(
                "component_name:N",
                sort=alt.EncodingSortField(field="share_of_total", op="max", order="descending"),
                title=None,
                axis=alt.Axis(ticks=False),
            ),
            tooltip=[
                alt.Tooltip("component_name:N", title="component"),
                alt.Tooltip("share_of_total:Q", title="share", format=".2%"),
                alt.Tooltip("level_count:Q", title="levels"),
            ],
        )
    )
    return specification(
        alt.layer(bars, why_nothing("share_of_total")).properties(
            height=alt.Step(_COMPONENT_HEIGHT)
        )
    )


def largest_component(rows: Sequence[Row]) -> str | None:
    """Name the two components with the largest shares."""
    known = [row for row in rows if row["share_of_total"] is not None]
    largest = sorted(known, key=lambda row: -row["share_of_total"])[:2]
    if not largest:
        return None
    shares = " and ".join(
        f"{row['component_name']} {100 * row['share_of_total']:.0f}%" for row in largest
    )
    return f"Most of the variance of the model's answers: {shares}"


def prompts_and_batteries(rows: Sequence[Row]) -> str | None:
    """Say how sure the mean r over the prompts that were asked is, and what makes it unsure."""
    asked = [row for row in rows if row["is_asked"] and row["ci_low"] is not None]
    first = next((row for row in asked if row["measure"] == "pearson_r"), None)
    if first is None:
        return None
    shares = (
        f"{part} {100 * first[name]:.0f}%"
        for part, name in (
            ("batteries", "battery_share"),
            ("prompts", "prompt_share"),
            ("both together", "battery_by_prompt_share"),
        )
    )
    sure = brackets(first["ci_low"], first["ci_high"])
    return f"r over all prompts is {decimals(first['estimate'])}{sure}: {', '.join(shares)}"


def elicitations() -> dict[str, Any]:
    """Draw one row per pair of ways to ask a model: r with people of both, and how far apart."""
    pairs = named_rows("pair_name", by_rank(), _PAIR_HEIGHT)
    known = rows_with("mean_total_variation")
    points = (
        known.transform_fold(["pearson_r", "other_pearson_r"], as_=["column", "r"])
        .transform_filter("isValid(datum.r)")
        .transform_calculate(
            kind="datum.column === 'pearson_r' ? datum.elicitation : datum.other_elicitation"
        )
        .mark_point(filled=True, size=60, opacity=1, strokeWidth=2)
        .encode(
            x=across("r", "mean r with people, over the cells of both ways"),
            y=pairs,
            **kinds(list(_WAYS), *zip(*_WAYS.values(), strict=True)),
            tooltip=[
                alt.Tooltip("pair_name:N", title="ways"),
                *numbers(("r", "mean r"), ("mean_score_pearson_r", "r between the ways")),
                alt.Tooltip("verdict:N", title="difference of r"),
                alt.Tooltip("verdict_null_reason:N", title="why no verdict"),
            ],
        )
    )
    apart = (
        known.transform_calculate(
            apart="'shares are ' + format(datum.mean_total_variation, '.2f') + ' apart'"
            " + (isValid(datum.mean_score_pearson_r) ? "
            "'; r of mean scores ' + format(datum.mean_score_pearson_r, '.2f') : '')"
        )
        .mark_text(align="left", dy=15, fontSize=12, color=INK, opacity=0.8)
        .encode(x=alt.value(3), y=pairs, text="apart:N")
    )
    return specification(alt.layer(zero(), points, apart).properties(height=alt.Step(_PAIR_HEIGHT)))


def ways_apart(rows: Sequence[Row]) -> str | None:
    """Say how far the two ways are apart that differ most."""
    known = [row for row in rows if row["mean_total_variation"] is not None]
    if not known:
        return None
    most = max(known, key=lambda row: float(row["mean_total_variation"]))
    apart = decimals(most["mean_total_variation"])
    text = f"{most['pair_name']}: shares are {apart} apart on average"
    if most["pearson_r_delta"] is None:
        return text
    low, high = most["pearson_r_delta_ci_low"], most["pearson_r_delta_ci_high"]
    change = f"{decimals(most['pearson_r_delta'])}{brackets(low, high)}"
    return f"{text}; mean r differs by {change}"


EXHIBITS = (
    Exhibit(
        exhibit_id="specification_curve",
        section=Section.SPECIFICATION,
        title="Would another way of asking have given another r?",
        reading=(
            "Above, the model's mean r under every template, order, answer style and "
            "normalisation that was scored, from high to low, on identical cells; below, what "
            "each of them is. A choice whose strokes are on one side moves r. To pick the "
            "highest afterwards would be picking a result."
        ),
        chart=specification_curve,
        draws="pearson_r",
        needs="the same questions asked with several prompts, orders or answer styles",
        columns=(
            Column("specification_rank", "rank"),
            Column("template_id", "template"),
            Column("choice_order", "order"),
            Column("answer_style", "answer"),
            Column("normalization", "normalisation"),
            Column("coding_id", "coding"),
            Column("wording_set", "wording"),
            Column("chat_mode", "chat"),
            Column("elicitation", "elicitation"),
            Column("pearson_r", "mean r"),
            Column("blind_baseline_r", "blind baseline"),
            Column("demeaned_pearson_r", "demeaned r"),
            Column("country_count", "countries"),
            Column("cell_count", "cells"),
            Column("is_chosen", "chosen design"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="variance_components",
        section=Section.SPECIFICATION,
        title="What do the model's answers depend on?",
        reading=(
            "How much of the variance of its mean scores is between questions, between "
            "countries, and between the ways of asking. 'Question by country' is what it says "
            "about countries beyond a general level for each; 'question by choice order' is "
            "answering by position. People's answers play no part here."
        ),
        chart=variance_components,
        draws="share_of_total",
        finding=largest_component,
        needs="a model that was asked the same questions about several countries",
        columns=(
            Column("component_name", "component"),
            Column("share_of_total", "share", digits=4),
            Column("sum_of_squares", "sum of squares"),
            Column("degrees_of_freedom", "degrees of freedom"),
            Column("level_count", "levels"),
            Column("crossed_design_count", "designs"),
            Column("question_count", "questions"),
            Column("country_count", "countries"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="prompt_errors",
        section=Section.SPECIFICATION,
        title="How sure is r with other prompts in mind, and how many would be enough?",
        reading=(
            "Mean r over the prompts that were asked, with a 95% interval for other batteries of "
            "questions and other prompts. Rows that were not asked say what to expect of so many "
            "templates and orders. The shares are of the squared error: more prompts lessen "
            "those of prompts, only more batteries of questions that of batteries."
        ),
        finding=prompts_and_batteries,
        needs="a model that was asked in three prompts or more, in all orders each",
        columns=(
            Column("measure", "measure"),
            Column("template_count", "templates", digits=0),
            Column("order_count", "orders", digits=0),
            Column("is_asked", "asked"),
            Column("estimate", "mean r", low="ci_low", high="ci_high"),
            Column("interval_width", "width"),
            Column("standard_error", "SE", digits=3),
            Column("battery_share", "batteries"),
            Column("prompt_share", "prompts"),
            Column("battery_by_prompt_share", "both together"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="elicitations",
        section=Section.SPECIFICATION,
        title="Does it matter how answers are elicited?",
        reading=(
            "Each model asked in two ways: by the likelihood of answers, by drawing answers, by "
            "naming percentages of people. Marks are its mean r with people in each way, over the "
            "same cells; below, how far the shares are apart (0 the same, 1 no answer in common). "
            "Draws are apart by chance alone where they are few."
        ),
        chart=elicitations,
        draws="mean_total_variation",
        finding=ways_apart,
        needs="one model scored with two of --elicit likelihood, sampled and verbalised",
        columns=(
            Column("pair_name", "ways"),
            Column("mean_score_pearson_r", "r between the ways"),
            Column("mean_total_variation", "total variation", digits=3),
            Column("mean_wasserstein_1", "Wasserstein-1", digits=3),
            Column("rms_score_difference", "difference of mean scores", digits=3),
            Column("rms_sampling_error", "by chance alone", digits=3),
            Column("pearson_r", "mean r"),
            Column("other_pearson_r", "mean r of the other"),
            Column(
                "pearson_r_delta",
                "difference",
                low="pearson_r_delta_ci_low",
                high="pearson_r_delta_ci_high",
            ),
            Column(
                "demeaned_pearson_r_delta",
                "difference of demeaned r",
                low="demeaned_pearson_r_delta_ci_low",
                high="demeaned_pearson_r_delta_ci_high",
            ),
            Column("verdict", "verdict"),
            Column("mean_stated_sum", "sum of percentages"),
            Column("cell_count", "cells"),
            Column("unanswered_cell_count", "without an answer"),
            Column("country_count", "countries"),
            Column("verdict_null_reason", "why no verdict"),
        ),
    ),
)
