"""Colours that keep apart for colour-blind readers, and the look of every chart.

The hues are Okabe and Ito's ("Color Universal Design", 2008), a few darkened so that each has a
contrast of 3:1 with white and with the dark page (WCAG 2.2, success criterion 1.4.11).
"""

from typing import Any, Final

BLUE = "#1f7ab8"
VERMILION = "#d55e00"
GREEN = "#00916b"
PURPLE = "#b8629a"
ORANGE = "#b97a00"
GREY = "#808080"

MODEL = BLUE
PEOPLE = VERMILION

DIVERGING: Final = "blueorange"
"""Vega's scheme for signed values: blue below 0, orange above it, no red beside green."""

SEQUENTIAL: Final = "viridis"
"""Vega's scheme from low to high: dark blue to yellow, which differ without red and green."""

FONTS = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', 'DejaVu Sans', sans-serif"
"""Fonts of the reader's machine: a page brings none."""

INK = "currentColor"
"""On a page, marks of text take the page's own colour, light or dark."""


def look(ink: str = INK) -> dict[str, Any]:
    """Return a Vega-Lite `config`: quiet axes, text in `ink`, no background."""
    return {
        "background": None,
        "font": FONTS,
        "axis": {
            "labelColor": ink,
            "titleColor": ink,
            "titleFontWeight": "normal",
            "domainColor": GREY,
            "tickColor": GREY,
            "gridColor": GREY,
            "gridOpacity": 0.25,
            "labelLimit": _expression("width < 320 ? 104 : 150"),
            "labelFontSize": 12,
            "titleFontSize": 12,
            "labelFlush": False,
        },
        "legend": {
            "labelColor": ink,
            "titleColor": ink,
            "titleFontWeight": "normal",
            "labelLimit": 260,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "orient": "top",
            "columns": _expression("width < 400 ? 1 : 3"),
        },
        "header": {"labelColor": ink, "titleColor": ink},
        "title": {"color": ink},
        "text": {"color": ink, "fontSize": 12},
        "view": {"stroke": None},
    }


def _expression(text: str) -> dict[str, str]:
    """Return an expression that Vega computes when it draws: on a phone a chart is narrow."""
    return {"expr": text}
