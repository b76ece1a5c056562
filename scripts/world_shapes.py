"""Write `reports/charts/world.json`: the outlines of countries and places for those too small.

Natural Earth (https://www.naturalearthdata.com) is in the public domain; the npm package
`world-atlas` 2.0.2 (ISC) has it as TopoJSON:

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python scripts/world_shapes.py package
"""

import csv
import json
import sys
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

CLONE = Path(__file__).parents[1]
COUNTRIES = CLONE / "dbt_project" / "seeds" / "countries.csv"
WORLD = CLONE / "reports" / "charts" / "world.json"
SOURCE = (
    "Natural Earth 1:110m (outlines) and 1:50m (places of small territories), public domain, "
    "by world-atlas 2.0.2"
)
# A whole number is so many degrees: 0.3 pixels on a map as wide as a page.
UNIT = 0.1
# Smaller outlines, in square degrees, get a dot too.
SMALLEST = 2.0
ANTARCTICA = "010"
# Dots that would hide another, moved by degrees.
MOVED = {"MAC": (-2.0, -1.0), "HKG": (0.6, 0.0)}
# The name of a dot is to its left where another is as near to its right.
NEAR = 8.0
# Outlines that Natural Earth gives no ISO number.
BY_NAME = {"Kosovo": "XKX"}
# Parts of another country's outline: ours, the country's number, and a box that holds the part.
PARTS = {
    "GUF": ("250", (-55, 2, -51, 6)),
    "GLP": ("250", (-62, 15.8, -61, 16.6)),
    "MTQ": ("250", (-61.3, 14.3, -60.7, 15)),
    "REU": ("250", (55, -21.5, 56, -20.7)),
    "MYT": ("250", (44.9, -13.1, 45.4, -12.6)),
    "NIR": ("826", (-8.3, 53.9, -5.3, 55.4)),
}

_NOTHING = [[0, 0], [0, 0]]

Ring = list[tuple[float, float]]


def main(folder: Path) -> None:
    """Read the package's files from a folder and write the data file."""
    coarse, fine = (
        json.loads((folder / f"countries-{scale}.json").read_text("utf-8"))
        for scale in ("110m", "50m")
    )
    with COUNTRIES.open(encoding="utf-8", newline="") as file:
        ids = {row["iso_numeric"].zfill(3): row["country_id"] for row in csv.DictReader(file)}
    outlines = _outlines(coarse, ids)
    used = {
        ~number if number < 0 else number
        for outline in outlines
        for polygon in outline["arcs"]
        for ring in polygon
        for number in ring
    }
    world = {
        "type": "Topology",
        "source": SOURCE,
        "transform": {"scale": [UNIT, UNIT], "translate": [0, 0]},
        "arcs": [
            _coarser(arc) if number in used else _NOTHING
            for number, arc in enumerate(_arcs(coarse))
        ],
        "objects": {"countries": {"type": "GeometryCollection", "geometries": outlines}},
        "dots": _dots(fine, _shown(coarse, ids), set(ids.values()), ids),
    }
    WORLD.write_text(json.dumps(world, separators=(",", ":")) + "\n", encoding="utf-8")


def _geometries(topology: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        geometry
        for geometry in topology["objects"]["countries"]["geometries"]
        if geometry.get("id") != ANTARCTICA
    ]


def _arcs(topology: dict[str, Any]) -> list[Ring]:
    """Return the arcs in degrees."""
    (wide, high), (left, low) = (topology["transform"][key] for key in ("scale", "translate"))
    return [
        [
            (left + x * wide, low + y * high)
            for x, y in accumulate(arc, lambda one, step: (one[0] + step[0], one[1] + step[1]))
        ]
        for arc in topology["arcs"]
    ]


def _coarser(arc: Ring) -> list[tuple[int, int]]:
    """Return an arc in whole units, each point as the step from the last."""
    points = [(round(x / UNIT), round(y / UNIT)) for x, y in arc]
    kept = [points[0]] + [point for last, point in pairwise(points) if point != last]
    if len(kept) == 1:
        kept *= 2
    before = [(0, 0), *kept]
    return [(x - a, y - b) for (a, b), (x, y) in zip(before, kept, strict=False)]


def _polygons(geometry: dict[str, Any]) -> list[list[list[int]]]:
    arcs: list[Any] = geometry["arcs"]
    return [arcs] if geometry["type"] == "Polygon" else arcs


def _ring(arcs: list[Ring], numbers: list[int]) -> Ring:
    return [
        point
        for number in numbers
        for point in (arcs[number] if number >= 0 else arcs[~number][::-1])
    ]


def _outlines(topology: dict[str, Any], ids: dict[str, str]) -> list[dict[str, Any]]:
    """Return each outline with our id, or none where it is no country of ours."""
    arcs, found = _arcs(topology), []
    for geometry in _geometries(topology):
        number = geometry.get("id")
        own = ids.get(number) or BY_NAME.get(geometry["properties"]["name"])
        of_others: dict[str | None, list[Any]] = {own: []}
        for polygon in _polygons(geometry):
            part = _part(number, _ring(arcs, polygon[0]))
            of_others.setdefault(part or own, []).append(polygon)
        found += [
            {"type": "MultiPolygon", "arcs": polygons} | ({"id": name} if name else {})
            for name, polygons in of_others.items()
        ]
    return found


def _part(number: str | None, ring: Ring) -> str | None:
    x, y = _centre(ring)
    for name, (country, (left, low, right, high)) in PARTS.items():
        if country == number and left <= x <= right and low <= y <= high:
            return name
    return None


def _shown(topology: dict[str, Any], ids: dict[str, str]) -> set[str]:
    """Return the ids of outlines that are large enough to be seen."""
    arcs = _arcs(topology)
    return {
        outline["id"]
        for outline in _outlines(topology, ids)
        if "id" in outline
        and max(abs(_area(_ring(arcs, polygon[0]))) for polygon in outline["arcs"]) >= SMALLEST
    }


def _dots(
    topology: dict[str, Any], shown: set[str], wanted: set[str], ids: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the centre of the largest part of each country that is not to be seen otherwise."""
    arcs = _arcs(topology)
    dots = {}
    for outline in _outlines(topology, ids):
        name = outline.get("id")
        if name in wanted - shown:
            rings = [_ring(arcs, polygon[0]) for polygon in outline["arcs"]]
            x, y = _centre(max(rings, key=lambda ring: abs(_area(ring))))
            right, up = MOVED.get(name, (0, 0))
            dots[name] = {
                "country_id": name,
                "longitude": round(x + right, 1),
                "latitude": round(y + up, 1),
            }
    for dot in dots.values():
        dot["side"] = (
            "left" if any(_is_right_of(other, dot) for other in dots.values()) else "right"
        )
    return [dots[name] for name in sorted(dots)]


def _is_right_of(other: dict[str, Any], dot: dict[str, Any]) -> bool:
    east = other["longitude"] - dot["longitude"]
    return 0 < east < NEAR and abs(other["latitude"] - dot["latitude"]) < NEAR / 2


def _area(ring: Ring) -> float:
    return sum(a * d - c * b for (a, b), (c, d) in pairwise(ring)) / 2


def _centre(ring: Ring) -> tuple[float, float]:
    """Return the centre of a ring's box."""
    across, up = zip(*ring, strict=True)
    return (min(across) + max(across)) / 2, (min(up) + max(up)) / 2


if __name__ == "__main__":
    main(Path(sys.argv[1]))
