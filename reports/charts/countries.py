"""Countries beside one another."""

from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import rows_named, specification
from valuescope.reports.charts.palette import BLUE, GREEN, GREY, MODEL, ORANGE, PEOPLE, PURPLE

_ROW_HEIGHT = 17
_BY_R = alt.EncodingSortField(field="pearson_r", op="max", order="descending")

_UPRIGHT = "M0,-1L0,1"
"""A stroke across the line of a country, as a path of Vega."""

# What r is worth: what each reaches, its colour and the shape of its mark.
_BESIDE_R = {
    "pearson_r": ("model", MODEL, "circle"),
    "blind_baseline_r": ("blind baseline", PEOPLE, _UPRIGHT),
    "best_other_country_r": ("best other country", GREEN, "triangle-down"),
    "country_free_r": ("model, no country named", PURPLE, "diamond"),
    "option_position_r": ("option position alone", ORANGE, "cross"),
}


def _countries(sort: alt.EncodingSortField = _BY_R) -> alt.Y:
    return alt.Y(
        "country_name:N", sort=sort, title=None, axis=alt.Axis(labelPadding=8, ticks=False)
    )


def _zero() -> alt.Chart:
    line = alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(color=GREY, strokeDash=[3, 3])
    zero: alt.Chart = line.encode(x="zero:Q")
    return zero


def country_agreement() -> dict[str, Any]:
    """A row a country: r with its interval, and what else reaches an r on the same cells."""
    known = alt.Chart(rows_named()).transform_filter("isValid(datum.pearson_r)")
    interval = known.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
        x=alt.X("ci_low:Q"), x2="ci_high:Q", y=_countries()
    )
    labels = {column: label for column, (label, _, _) in _BESIDE_R.items()}
    kinds, colour_range, shape_range = zip(*_BESIDE_R.values(), strict=True)
    colours = alt.Scale(domain=kinds, range=colour_range)
    shapes = alt.Scale(domain=kinds, range=shape_range)
    points = (
        known.transform_fold(list(_BESIDE_R), as_=["column", "r"])
        .transform_filter("isValid(datum.r)")
        .transform_calculate(kind=f"{_as_lookup(labels)}[datum.column]")
        .mark_point(filled=True, size=48, opacity=1, strokeWidth=2)
        .encode(
            x=alt.X("r:Q", title="r over the questions of a country", scale=alt.Scale(zero=True)),
            y=_countries(),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=colours,
            ),
            stroke=alt.Stroke(
                "kind:N",
                title=None,
                scale=colours,
            ),
            shape=alt.Shape(
                "kind:N",
                title=None,
                scale=shapes,
            ),
            tooltip=[
                alt.Tooltip("country_name:N", title="country"),
                alt.Tooltip("kind:N", title="who"),
                alt.Tooltip("r:Q", format=".2f"),
                alt.Tooltip("ci_low:Q", title="model from", format=".2f"),
                alt.Tooltip("ci_high:Q", title="to", format=".2f"),
                alt.Tooltip("question_count:Q", title="questions"),
            ],
        )
    )
    chart = alt.layer(_zero(), interval, points).properties(height=alt.Step(_ROW_HEIGHT))
    return specification(chart)


def country_demeaned() -> dict[str, Any]:
    """A row a country, in the order of r: demeaned r with its interval, around zero."""
    known = alt.Chart(rows_named()).transform_filter("isValid(datum.pearson_r)")
    interval = known.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
        x=alt.X("demeaned_ci_low:Q"), x2="demeaned_ci_high:Q", y=_countries()
    )
    points = known.mark_point(filled=True, size=48, opacity=1, color=MODEL).encode(
        x=alt.X("demeaned_pearson_r:Q", title="demeaned r: what is special about a country"),
        y=_countries(),
        tooltip=[
            alt.Tooltip("country_name:N", title="country"),
            alt.Tooltip("demeaned_pearson_r:Q", title="demeaned r", format=".2f"),
            alt.Tooltip("demeaned_ci_low:Q", title="from", format=".2f"),
            alt.Tooltip("demeaned_ci_high:Q", title="to", format=".2f"),
            alt.Tooltip("demeaned_question_count:Q", title="questions"),
        ],
    )
    chart = alt.layer(_zero(), interval, points).properties(height=alt.Step(_ROW_HEIGHT))
    return specification(chart)


def _as_lookup(labels: dict[str, str]) -> str:
    """A Vega expression of an object: column to label."""
    return "{" + ", ".join(f"'{column}': '{label}'" for column, label in labels.items()) + "}"
