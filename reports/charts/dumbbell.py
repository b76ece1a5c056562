"""Two values a row, and the way between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from valuescope.reports.charts.palette import GREY, MODEL, PEOPLE

FROM_MINUS_ONE_TO_ONE = alt.Scale(domain=[-1, 1])
"""The scale of r, rho0 and mean scores: from all on the first choice to all on the last."""

FIVE_TICKS = alt.Axis(values=[-1, -0.5, 0, 0.5, 1])
"""Few enough for a phone."""


@dataclass(frozen=True)
class Side:
    """One of the two: its column, its name in the legend, and how it is drawn."""

    column: str
    name: str
    colour: str
    shape: str


PEOPLE_MEAN = Side("human_mean_score", "people", PEOPLE, "square")
MODEL_MEAN = Side("llm_mean_score", "model", MODEL, "circle")


def folded(rows: alt.Chart, sides: tuple[Side, Side]) -> alt.Chart:
    """Return one row per side that has a value: `who` it is, and its `value`."""
    first, second = sides
    both = rows.transform_fold([first.column, second.column], as_=["column", "value"])
    present: alt.Chart = both.transform_filter("isValid(datum.value)")
    return present.transform_calculate(
        who=f"datum.column == '{first.column}' ? '{first.name}' : '{second.name}'"
    )


def colours(sides: tuple[Side, Side]) -> alt.Scale:
    """Return the colour of each `who`."""
    return alt.Scale(domain=[side.name for side in sides], range=[side.colour for side in sides])


def dumbbells(
    rows: alt.Chart,
    sides: tuple[Side, Side],
    title: str,
    y: alt.Y,
    tooltip: Sequence[alt.Tooltip],
) -> list[alt.Chart]:
    """Draw one dumbbell per row, on a scale from -1 to 1 that `title` names."""
    first, second = sides
    ways = (
        rows.transform_filter(f"isValid(datum.{first.column}) && isValid(datum.{second.column})")
        .mark_rule(color=GREY, strokeWidth=2, opacity=0.6)
        .encode(
            x=alt.X(f"{first.column}:Q", scale=FROM_MINUS_ONE_TO_ONE),
            x2=f"{second.column}:Q",
            y=y,
            tooltip=list(tooltip),
        )
    )
    shapes = alt.Scale(domain=[side.name for side in sides], range=[side.shape for side in sides])
    ends = (
        folded(rows, sides)
        .mark_point(filled=True, size=60, opacity=1, strokeWidth=2)
        .encode(
            x=alt.X("value:Q", title=title, scale=FROM_MINUS_ONE_TO_ONE, axis=FIVE_TICKS),
            y=y,
            color=alt.Color("who:N", title=None, scale=colours(sides)),
            # A mark that is only a stroke has nothing to fill.
            stroke=alt.Stroke("who:N", title=None, scale=colours(sides)),
            shape=alt.Shape("who:N", title=None, scale=shapes),
            tooltip=list(tooltip),
        )
    )
    return [ways, ends]
