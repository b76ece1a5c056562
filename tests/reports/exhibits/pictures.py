"""Pictures as a reader gets them: drawn as SVG, and the marks that are in them."""

import json
import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import vl_convert

from valuescope.reports.charts.drawing import drawn

_SVG = "{http://www.w3.org/2000/svg}"
# Every chart has the container's width and a height of its own; Vega-Lite says so each time.
_ALWAYS_SAID = 'WARN Dropping "fit-y" because spec has discrete height.'


@dataclass(frozen=True)
class Mark:
    """One mark: what a screen reader says of it, its place in pixels, and its colours."""

    description: str
    text: str
    x: float
    y: float
    attributes: dict[str, str]

    @property
    def said(self) -> dict[str, str]:
        """The description's `name: value` pairs."""
        pairs = (part.split(": ", 1) for part in self.description.split("; "))
        return {pair[0]: pair[1].replace("\u2212", "-") for pair in pairs if len(pair) == 2}


def marks(
    described: dict[str, Any], rows: list[dict[str, Any]], kind: str, width: int | None = None
) -> list[list[Mark]]:
    """The marks of one kind (rect, symbol, rule, text), a list a layer that has any."""
    alone = drawn(described, rows, "#123456")
    if width is not None:
        alone["width"] = width
    root = ElementTree.fromstring(vl_convert.vegalite_to_svg(alone))
    layers = [
        [_mark(element) for element in group]
        for group in root.iter(f"{_SVG}g")
        if group.get("class", "").startswith(f"mark-{kind} role-mark")
    ]
    return [layer for layer in layers if layer]


def axis_labels(described: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """The labels of all axes, those of several lines joined by a space."""
    root = ElementTree.fromstring(vl_convert.vegalite_to_svg(drawn(described, rows, "#123456")))
    return [
        " ".join(text.itertext())
        for group in root.iter(f"{_SVG}g")
        if "role-axis-label" in group.get("class", "")
        for text in group.iter(f"{_SVG}text")
    ]


def warnings(described: dict[str, Any], rows: list[dict[str, Any]], capfd: Any) -> list[str]:
    """What Vega-Lite warns of when it compiles a chart."""
    capfd.readouterr()
    vl_convert.vegalite_to_vega(json.dumps(drawn(described, rows, "black")), show_warnings=True)
    said = capfd.readouterr().err.splitlines()
    return [line for line in said if line and line != _ALWAYS_SAID]


def _mark(element: ElementTree.Element) -> Mark:
    moved = re.match(r"translate\((.+),(.+)\)", element.get("transform", ""))
    drawn_from = re.match(r"M([-\d.e]+),([-\d.e]+)", element.get("d", ""))
    place = moved or drawn_from
    assert place is not None, ElementTree.tostring(element)
    return Mark(
        element.get("aria-label", ""),
        "".join(element.itertext()),
        float(place[1]),
        float(place[2]),
        dict(element.attrib),
    )
