"""The headline: how close a model is to each country."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import (
    TICK,
    kinds,
    lookup,
    numbers,
    rows_with,
    zero,
)
from valuescope.reports.charts.palette import BLUE, GREEN, MODEL, ORANGE, PEOPLE, PURPLE
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Row, Section

_ROW_HEIGHT = 17
_BY_R = alt.EncodingSortField(field="pearson_r", op="max", order="descending")

# What r is worth: what each reaches, its colour and the shape of its mark.
_BESIDE_R = {
    "pearson_r": ("model", MODEL, "circle"),
    "blind_baseline_r": ("blind baseline", PEOPLE, TICK),
    "best_other_country_r": ("best other country", GREEN, "triangle-down"),
    "country_free_r": ("model, no country named", PURPLE, "diamond"),
    "option_position_r": ("option position alone", ORANGE, "cross"),
}


def _countries() -> alt.Y:
    return alt.Y(
        "country_name:N", sort=_BY_R, title=None, axis=alt.Axis(labelPadding=8, ticks=False)
    )


def country_agreement() -> dict[str, Any]:
    """Draw one row per country: r with its interval, and baselines on the same cells."""
    known = rows_with("pearson_r")
    interval = known.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
        x=alt.X("ci_low:Q"), x2="ci_high:Q", y=_countries()
    )
    labels, colours, shapes = zip(*_BESIDE_R.values(), strict=True)
    points = (
        known.transform_fold(list(_BESIDE_R), as_=["column", "r"])
        .transform_filter("isValid(datum.r)")
        .transform_calculate(kind=lookup(dict(zip(_BESIDE_R, labels, strict=True)), "column"))
        .mark_point(filled=True, size=48, opacity=1, strokeWidth=2)
        .encode(
            x=alt.X("r:Q", title="r over the questions of a country", scale=alt.Scale(zero=True)),
            y=_countries(),
            **kinds(labels, colours, shapes),
            tooltip=[
                alt.Tooltip("country_name:N", title="country"),
                alt.Tooltip("kind:N", title="who"),
                *numbers(("r", "r"), ("ci_low", "model from"), ("ci_high", "to")),
                alt.Tooltip("question_count:Q", title="questions"),
            ],
        )
    )
    chart = alt.layer(zero(), interval, points).properties(height=alt.Step(_ROW_HEIGHT))
    return specification(chart)


def country_demeaned() -> dict[str, Any]:
    """Draw one row per country, in the order of r: demeaned r with its interval, around zero."""
    known = rows_with("pearson_r")
    interval = known.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
        x=alt.X("demeaned_ci_low:Q"), x2="demeaned_ci_high:Q", y=_countries()
    )
    points = known.mark_point(filled=True, size=48, opacity=1, color=MODEL).encode(
        x=alt.X(
            "demeaned_pearson_r:Q",
            title="demeaned r: what is special about a country",
        ),
        y=_countries(),
        tooltip=[
            alt.Tooltip("country_name:N", title="country"),
            *numbers(
                ("demeaned_pearson_r", "demeaned r"),
                ("demeaned_ci_low", "from"),
                ("demeaned_ci_high", "to"),
            ),
            alt.Tooltip("demeaned_question_count:Q", title="questions"),
        ],
    )
    chart = alt.layer(zero(), interval, points).properties(height=alt.Step(_ROW_HEIGHT))
    return specification(chart)


_ONE_ORDER = "no verdict, because the choices were shown in one order only"


def beside_blind(rows: Sequence[Row]) -> str | None:
    """Count the countries where r is below and above that of the blind baseline."""
    known = [row for row in rows if row["r_above_blind"] is not None]
    if not known:
        return None
    below = sum(row["r_above_blind"] < 0 for row in known)
    if not known[0]["is_order_controlled"]:
        return (
            f"r is below that of knowing no country at all in {below} of {len(known)} countries; "
            f"{_ONE_ORDER}"
        )
    sure = [row for row in known if row["r_above_blind_ci_low"] is not None]
    lower = sum(row["r_above_blind_ci_high"] < 0 for row in sure)
    higher = sum(row["r_above_blind_ci_low"] > 0 for row in sure)
    if len(known) > 1 and len(known) in (lower, higher):
        side = "below" if lower else "above"
        return (
            f"r is {side} that of knowing no country at all in all {len(known)} countries, with "
            "whole intervals"
        )
    return (
        f"Beside knowing no country at all, r is lower in {lower} of {len(known)} countries and "
        f"higher in {higher}; the intervals of the others hold 0"
        if len(sure) == len(known)
        else f"r is below that of knowing no country at all in {below} of {len(known)} countries"
    )


def above_zero(rows: Sequence[Row]) -> str | None:
    """Count the countries whose demeaned r is above 0."""
    known = [row for row in rows if row["demeaned_pearson_r"] is not None]
    if not known:
        return None
    if not known[0]["is_order_controlled"]:
        above = sum(row["demeaned_pearson_r"] > 0 for row in known)
        return f"Demeaned r is above 0 in {above} of {len(known)} countries; {_ONE_ORDER}"
    clearly = sum(
        row["demeaned_ci_low"] is not None and row["demeaned_ci_low"] > 0 for row in known
    )
    return (
        f"Demeaned r, what is special about a country, has an interval above 0 in {clearly} of "
        f"{len(known)} countries"
    )


EXHIBITS = (
    Exhibit(
        exhibit_id="key_figures",
        section=Section.COUNTRIES,
        title="The model in four numbers",
        reading=(
            "Means over countries, with 95% intervals. Random answers have the model's own spread "
            "and its leaning to positions, and know nothing. Reliability of ranks: the rank "
            "correlation to expect between this order of the countries and that by as many other "
            "questions; 0 is chance, 1 the same order again."
        ),
        card_count=4,
        draws="mean_pearson_r",
        needs="a model that was asked five questions or more of a country in the survey",
        columns=(
            Column(
                "mean_pearson_r",
                "r: match with people",
                low="ci_low",
                high="ci_high",
                note="1 is a perfect match",
                beside=Column("mean_blind_baseline_r", "knowing no country"),
            ),
            Column(
                "mean_r_above_blind",
                "r minus that of knowing no country",
                low="r_above_blind_ci_low",
                high="r_above_blind_ci_high",
                note="above 0, the model adds something",
                beside=Column(
                    "random_r_above_blind",
                    "random answers",
                    low="random_r_above_blind_low",
                    high="random_r_above_blind_high",
                ),
            ),
            Column(
                "mean_demeaned_pearson_r",
                "what is special about a country (demeaned r)",
                low="demeaned_ci_low",
                high="demeaned_ci_high",
                note="0 tells no country from another",
            ),
            Column(
                "moved_by_order",
                "moved by reversing the choices",
                note="part of r is leaning to a position",
            ),
            Column("random_place", "place among random answers"),
            Column("country_ranking_reliability", "reliability of ranks by r"),
            Column("demeaned_country_ranking_reliability", "by demeaned r"),
            Column("mean_country_gain", "country gain"),
            Column("mean_skill", "skill"),
            Column("country_count", "countries"),
            Column("common_question_count", "common questions"),
            Column("choice_order", "choice order"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="country_agreement",
        section=Section.COUNTRIES,
        title="How close is the model to each country?",
        reading=(
            "One row per country: the model's r over its questions with a 95% interval. The blind "
            "baseline gives every country the mean of all others; a model to the left of it knows "
            "less than somebody who never heard of the country. Where the model does as well "
            "without a country in the prompt, or by its leaning to an option alone, its r says "
            "nothing about the country."
        ),
        chart=country_agreement,
        draws="pearson_r",
        finding=beside_blind,
        needs="a model that was asked five questions or more of a country in the survey",
        columns=(
            Column("country_name", "country"),
            Column("continent", "continent"),
            Column("pearson_r", "r", low="ci_low", high="ci_high"),
            Column("r_rank", "rank", low="r_rank_low", high="r_rank_high"),
            Column("blind_baseline_r", "blind baseline"),
            Column(
                "r_above_blind",
                "r minus blind",
                low="r_above_blind_ci_low",
                high="r_above_blind_ci_high",
            ),
            Column(
                "random_r_above_blind",
                "random answers minus blind",
                low="random_r_above_blind_low",
                high="random_r_above_blind_high",
            ),
            Column("best_other_country_r", "best other country"),
            Column("best_other_country_name", "which"),
            Column("country_free_r", "no country named"),
            Column("option_position_r", "option position"),
            Column("skill", "skill"),
            Column("country_gain", "country gain"),
            Column("question_count", "questions"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="country_demeaned",
        section=Section.COUNTRIES,
        title="Does it know what is special about a country?",
        reading=(
            "The same countries in the same order, with what countries share taken off both sides: "
            "r of what is left. Around zero, the model tells no country from another."
        ),
        chart=country_demeaned,
        draws="demeaned_pearson_r",
        finding=above_zero,
        needs="a model that was asked the same questions about ten countries or more",
        columns=(
            Column("country_name", "country"),
            Column(
                "demeaned_pearson_r",
                "demeaned r",
                low="demeaned_ci_low",
                high="demeaned_ci_high",
            ),
            Column("demeaned_rank", "rank", low="demeaned_rank_low", high="demeaned_rank_high"),
            Column("demeaned_question_count", "questions"),
            Column("demeaned_null_reason", "why there is none"),
        ),
    ),
)
