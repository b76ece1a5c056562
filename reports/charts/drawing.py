"""From Altair to a specification, and from a specification and rows to a picture."""

from typing import Any

import altair as alt

from valuescope.reports.charts.palette import look

ROWS = "rows"
SHAPES = "shapes"
"""The data that all maps share."""
HEIGHT_PER_WIDTH = "height_per_width"
WIDTH = "container"
"""As wide as the page allows; pictures in files have a width of their own."""

_FILE_WIDTH = 640
_FILE_FONTS = "Liberation Sans, DejaVu Sans, sans-serif"


def rows_named() -> alt.NamedData:
    """Return the data of a chart, given when it is drawn."""
    return alt.NamedData(name=ROWS)


def specification(
    chart: alt.Chart | alt.LayerChart | alt.FacetChart, *, height_per_width: float | None = None
) -> dict[str, Any]:
    """Return the chart as Vega-Lite, checked by Altair against Vega-Lite's schema.

    Where the height follows the width, it is `usermeta` for those who draw.
    """
    described: dict[str, Any] = chart.properties(
        width=WIDTH, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    ).to_dict()
    described.pop("config", None)
    if height_per_width is not None:
        described["usermeta"] = {HEIGHT_PER_WIDTH: height_per_width}
    return described


def drawn(described: dict[str, Any], rows: list[dict[str, Any]], ink: str) -> dict[str, Any]:
    """Return a complete specification: with its rows, a width and a look."""
    share = described.get("usermeta", {}).get(HEIGHT_PER_WIDTH)
    height = {} if share is None else {"height": share * _FILE_WIDTH}
    return described | {
        **height,
        "width": _FILE_WIDTH,
        "datasets": {**described.get("datasets", {}), ROWS: rows},
        "config": look(ink) | {"background": "white", "font": _FILE_FONTS},
    }


_LINE = 12
_MOST_LINES = 5


def wrapping_axis(characters: int) -> alt.Axis:
    """Return an axis of long names, broken at spaces into lines of so many characters.

    Vega would cut a long name, and a narrow page has no room for one in a line. It hangs all lines
    from the first one's position, so names of several lines are lifted to the middle.
    """
    # As many characters and then a space or the end: each match is a line.
    lines = f"regexp('(.{{1,{characters}}})( +|$)', 'g')"
    wrapped = f"split(trim(replace(datum.label, {lines}, '$1\\n')), '\\n')"
    lifted = [
        {"test": f"length({wrapped}) >= {count}", "value": -(count - 1) * _LINE / 2}
        for count in range(_MOST_LINES, 1, -1)
    ]
    return alt.Axis(
        labelExpr=wrapped,
        labelLimit=220,
        labelLineHeight=_LINE,
        labelOffset={"condition": lifted, "value": 0},
        labelPadding=8,
        ticks=False,
    )
