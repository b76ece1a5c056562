"""From Altair to a specification, and from a specification and rows to a picture."""

from typing import Any

import altair as alt

from reports.charts.palette import look

ROWS = "rows"
WIDTH = "container"
"""As wide as the page allows; pictures in files have a width of their own."""

_FILE_WIDTH = 640
_FILE_FONTS = "Liberation Sans, DejaVu Sans, sans-serif"


def rows_named() -> alt.NamedData:
    """The data of a chart, given when it is drawn."""
    return alt.NamedData(name=ROWS)


def specification(chart: alt.Chart | alt.LayerChart | alt.FacetChart) -> dict[str, Any]:
    """The chart as Vega-Lite, checked by Altair against Vega-Lite's schema."""
    described: dict[str, Any] = chart.properties(
        width=WIDTH, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    ).to_dict()
    described.pop("config", None)
    return described


def drawn(described: dict[str, Any], rows: list[dict[str, Any]], ink: str) -> dict[str, Any]:
    """A specification that stands alone: with its rows, a width and a look."""
    return described | {
        "width": _FILE_WIDTH,
        "datasets": {**described.get("datasets", {}), ROWS: rows},
        "config": look(ink) | {"background": "white", "font": _FILE_FONTS},
    }
