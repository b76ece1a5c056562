"""The world in outlines, with dots for countries that are too small to be seen."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import altair as alt

from valuescope.reports.charts.drawing import ROWS, SHAPES, rows_named, specification
from valuescope.reports.charts.palette import DIVERGING, GREY, INK, SEQUENTIAL

WORLD = Path(__file__).with_name("world.json")
"""Outlines by country as TopoJSON, and `dots`; `scripts/world_shapes.py` writes it."""

Kind = Literal["from lowest to highest", "around zero"]

_HEIGHT_PER_WIDTH = 0.44
# Equal Earth is 5.42 wide and reaches 1.3 north of the equator, in units of its scale.
_SCALE = "width / 5.42"
_PROJECTION: dict[str, Any] = {
    "type": "equalEarth",
    "scale": alt.ExprRef(_SCALE),
    "translate": alt.ExprRef(f"[width / 2, 1.3 * {_SCALE} + 4]"),
}
_DOT = alt.ExprRef("clamp(width / 16, 14, 56)")
_ROOM_FOR_NAMES = 700
_SMALLEST_SPAN = 0.2
"""Smaller differences keep colours that are alike."""

# Countries off the map are dots in the empty south of the Pacific, in lines from here.
_LEFT, _TOP, _STEP, _IN_A_LINE = -176, -30, 6, 16


def world_map(
    value: str,
    title: str,
    kind: Kind,
    tooltip: Sequence[alt.Tooltip],
    unknown_tooltip: Sequence[alt.Tooltip] = (),
) -> dict[str, Any]:
    """Colour the rows' countries by the column `value`, on a scale that fits the rows.

    A country without a value is a dashed outline with the `unknown_tooltip`, one without a row is
    grey.
    """
    known, unknown = f"isValid(datum.{value})", f"!isValid(datum.{value})"
    colour = alt.Color(
        f"{value}:Q",
        title=title,
        scale=_scale(value, kind),
        legend=alt.Legend(gradientLength=240, tickCount=5, format=".2~f", titleLimit=300),
    )
    described = {"expr": f"datum.country_name + ': ' + format(datum.{value}, '.2f')"}
    undescribed = {"expr": "datum.country_name + ': none'"}
    dashed: dict[str, Any] = {
        "filled": True,
        "fill": "transparent",
        "stroke": GREY,
        "strokeDash": [3, 2],
        "description": undescribed,
    }
    land = alt.Chart(_shapes()).mark_geoshape(fill=GREY, fillOpacity=0.16, stroke=None, aria=False)
    outlines = _located(known).transform_filter("isValid(datum.outline)")
    dots = _located(known).transform_filter("isValid(datum.longitude)")
    where = {"longitude": "longitude:Q", "latitude": "latitude:Q"}
    layers = [
        land,
        outlines.mark_geoshape(stroke=GREY, strokeWidth=0.5, description=described).encode(
            shape="outline:G", color=colour, tooltip=list(tooltip)
        ),
        _located(unknown)
        .transform_filter("isValid(datum.outline)")
        .mark_geoshape(**dashed)
        .encode(shape="outline:G", tooltip=list(unknown_tooltip)),
        dots.mark_circle(
            size=_DOT, opacity=1, stroke=GREY, strokeWidth=1, description=described
        ).encode(**where, color=colour, tooltip=list(tooltip)),
        _located(unknown)
        .transform_filter("isValid(datum.longitude)")
        .mark_circle(size=_DOT, opacity=1, **dashed)
        .encode(**where, tooltip=list(unknown_tooltip)),
        _names(dots, "left", "right", -6),
        _names(dots, "right", "left", 6),
        _located("datum.number_off_the_map === 1")
        .transform_calculate(latitude=f"{_TOP} + {_STEP}")
        .mark_text(text="not on the map:", align="left", dx=-4, color=INK)
        .encode(**where),
    ]
    chart = alt.layer(*layers, data=rows_named()).project(**_PROJECTION)
    world = specification(chart, height_per_width=_HEIGHT_PER_WIDTH)
    # Given here, because Altair copies and checks all that it is given, layer by layer.
    return world | {"datasets": world.get("datasets", {}) | {SHAPES: _world()}}


def _names(dots: alt.Chart, side: str, align: Literal["left", "right"], distance: int) -> alt.Chart:
    """Name dots to one side of them, those that have no outline.

    One with an outline is known by its neighbours, which its name would hide.
    """
    names: alt.Chart = (
        dots.transform_filter(
            f"width >= {_ROOM_FOR_NAMES} && !isValid(datum.outline) && datum.side === '{side}'"
        )
        .mark_text(align=align, dx=distance, color=INK, limit=110, aria=False)
        .encode(longitude="longitude:Q", latitude="latitude:Q", text="country_name:N")
    )
    return names


def _scale(value: str, kind: Kind) -> alt.Scale:
    lowest, highest = (f"extent(pluck(data('{ROWS}'), '{value}'))[{end}]" for end in range(2))
    if kind == "around zero":
        largest = f"max({_SMALLEST_SPAN}, abs({lowest}), abs({highest}))"
        return alt.Scale(
            scheme=DIVERGING,
            domainMin=alt.ExprRef(f"-{largest}"),
            domainMax=alt.ExprRef(largest),
        )
    half = f"max({_SMALLEST_SPAN}, {highest} - {lowest}) / 2"
    middle = f"({lowest} + {highest}) / 2"
    return alt.Scale(
        scheme=SEQUENTIAL,
        domainMin=alt.ExprRef(f"{middle} - {half}"),
        domainMax=alt.ExprRef(f"{middle} + {half}"),
    )


def _located(condition: str) -> alt.Chart:
    """Return the rows with their `outline` and the position of their dot, if any."""
    located: alt.Chart = (
        alt.Chart()
        .transform_lookup(
            lookup="country_id",
            from_=alt.LookupData(data=_shapes(), key="id"),
            **{"as": "outline"},
        )
        .transform_lookup(
            lookup="country_id",
            from_=alt.LookupData(
                data=alt.InlineData(_world()["dots"]),
                key="country_id",
                fields=["longitude", "latitude", "side"],
            ),
        )
        .transform_calculate(is_off_the_map="!isValid(datum.outline) && !isValid(datum.longitude)")
        .transform_window(
            number="row_number()",
            sort=[alt.SortField("country_name")],
            groupby=["is_off_the_map"],
        )
        .transform_calculate(number_off_the_map="datum.is_off_the_map ? datum.number : null")
        .transform_calculate(
            longitude=f"datum.is_off_the_map ? {_LEFT} + {_STEP} * "
            f"((datum.number - 1) % {_IN_A_LINE}) : datum.longitude",
            latitude=f"datum.is_off_the_map ? {_TOP} - {_STEP} * "
            f"floor((datum.number - 1) / {_IN_A_LINE}) : datum.latitude",
        )
        .transform_filter(condition)
    )
    return located


def _shapes() -> alt.NamedData:
    return alt.NamedData(
        name=SHAPES, format=alt.TopoDataFormat(type="topojson", feature="countries")
    )


@cache
def _world() -> dict[str, Any]:
    world: dict[str, Any] = json.loads(WORLD.read_text(encoding="utf-8"))
    return world
