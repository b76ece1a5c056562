"""Rows with names above their marks, so that long names fit a narrow page."""

from collections.abc import Sequence

import altair as alt

from valuescope.reports.charts.drawing import rows_named
from valuescope.reports.charts.palette import GREY, INK

_TICKS = 8
_SHORTEST = 0.5
"""An axis of r shows this much of it at least, or a small r would look large."""

TICK = "M0,-1V1"
"""An upright stroke, for a reference and not an estimate."""


def named_rows(field: str, order: alt.EncodingSortField, height: int) -> alt.Y:
    """Return an axis with a band of `height` pixels for each value: marks below its name."""
    return alt.Y(
        f"{field}:N",
        sort=order,
        title=None,
        axis=alt.Axis(
            domain=False,
            ticks=False,
            labelAlign="left",
            labelOffset=-height / 2 + 8,
            labelPadding=-2,
            labelLimit=alt.ExprRef("width"),
        ),
    )


def across(field: str, title: str) -> alt.X:
    """Return an axis from left to right, zero in view, with ticks that fit a wide page."""
    return alt.X(
        f"{field}:Q", title=title, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=_TICKS)
    )


def by_rank() -> alt.EncodingSortField:
    """Return the order of the rows' own column `rank`."""
    return alt.EncodingSortField(field="rank", op="min", order="ascending")


def rows_with(*columns: str) -> alt.Chart:
    """Return a chart of the rows that have a value in each of the columns."""
    known = " && ".join(f"isValid(datum.{column})" for column in columns)
    rows: alt.Chart = alt.Chart(rows_named()).transform_filter(known)
    return rows


def why_nothing(column: str) -> alt.Chart:
    """Draw the first row's `null_reason` in words, if no row has a value in the column."""
    reason: alt.Chart = (
        alt.Chart(rows_named())
        .transform_joinaggregate(known=f"valid({column})")
        .transform_window(number="row_number()")
        .transform_filter("datum.known === 0 && datum.number === 1")
        .transform_calculate(reason="'nothing to draw: ' + replace(datum.null_reason, /_/g, ' ')")
        .mark_text(align="left", color=INK)
        .encode(x=alt.value(4), y=alt.value(10), text="reason:N")
    )
    return reason


def zero() -> alt.LayerChart:
    """Draw a dashed line at zero, which stays in view, on an axis that is never too short."""
    line = alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(color=GREY, strokeDash=[3, 3])
    ends = alt.Chart(alt.InlineData([{"zero": 0.0}, {"zero": _SHORTEST}]))
    unseen = ends.mark_line(opacity=0, aria=False)
    return alt.LayerChart(layer=[line.encode(x="zero:Q"), unseen.encode(x="zero:Q")])


def numbers(*titles: tuple[str, str], digits: int = 2) -> list[alt.Tooltip]:
    """Return tooltips of columns that hold numbers, each with its title."""
    return [
        alt.Tooltip(f"{column}:Q", title=title, format=f".{digits}f") for column, title in titles
    ]


def lookup(labels: dict[str, str], key: str) -> str:
    """Return a Vega expression: the label of what the column `key` holds."""
    pairs = ", ".join(f"'{name}': '{label}'" for name, label in labels.items())
    return f"{{{pairs}}}[datum.{key}]"


def kinds(
    labels: Sequence[str], colours: Sequence[str], shapes: Sequence[str]
) -> dict[str, alt.Color | alt.Stroke | alt.Shape]:
    """Return colour and shape of marks by the field `kind`, in one legend."""
    colour = alt.Scale(domain=labels, range=colours)
    return {
        "color": alt.Color("kind:N", title=None, scale=colour),
        "stroke": alt.Stroke("kind:N", title=None, scale=colour),
        "shape": alt.Shape("kind:N", title=None, scale=alt.Scale(domain=labels, range=shapes)),
    }
