"""The world in tiles of one size, so that a small country is seen as well as a large one."""

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import rows_named, specification
from valuescope.reports.charts.palette import DIVERGING, GREY, ON_DARK, ON_LIGHT
from valuescope.warehouse.home import SEEDS

TILES = Path(__file__).with_name("tiles.csv")
"""Where each country lies: `country_id, column, row`, both from 1, left to right and top down."""

_TILE_HEIGHT = 21
_NARROW = 22
"""Tiles of fewer pixels in width have no room for three letters."""
# From here on, black has less contrast with a ground than white (WCAG 2.2, relative luminance).
_MIDDLE_LUMINANCE = 0.179


def tile_map(
    value: str,
    title: str,
    tooltip: Sequence[alt.Tooltip],
    unknown_tooltip: Sequence[alt.Tooltip] = (),
    *,
    calculated: str | None = None,
) -> dict[str, Any]:
    """The rows' countries, coloured by the column `value` between -1 and 1 (beyond, as at the end).

    `calculated` is the Vega expression of a `value` that the rows do not have. A country without a
    value is a dashed outline with the `unknown_tooltip`, one without a row a shadow; one without a
    place on the map stands below it.
    """
    tiles = _tiles()
    columns = max(tile["column"] for tile in tiles)
    last_row = max(tile["row"] for tile in tiles)
    x = alt.X(
        "column:O", scale=alt.Scale(domain=list(range(1, columns + 1)), padding=0.06), axis=None
    )
    y = alt.Y("row:O", scale=alt.Scale(padding=0.06), axis=None)
    has_value, ground = f"isValid(datum.{value})", f"scale('color', datum.{value})"

    shadows = (
        alt.Chart(alt.InlineData(tiles))
        .mark_rect(
            color=GREY,
            opacity=0.13,
            cornerRadius=2,
            aria=False,
            tooltip={"expr": "datum.country_name + ': nothing to show'"},
        )
        .encode(x=x, y=y)
    )
    known = (
        alt.Chart()
        .transform_filter(has_value)
        .mark_rect(
            cornerRadius=2,
            stroke=GREY,
            strokeWidth=0.5,
            description={"expr": f"datum.country_name + ': ' + format(datum.{value}, '.2f')"},
        )
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                f"{value}:Q",
                title=title,
                scale=alt.Scale(scheme=DIVERGING, domain=[-1, 1], clamp=True),
                legend=alt.Legend(gradientLength=220, values=[-1, -0.5, 0, 0.5, 1]),
            ),
            tooltip=list(tooltip),
        )
    )
    unknown = (
        alt.Chart()
        .transform_filter(f"!{has_value}")
        .mark_rect(
            cornerRadius=2,
            fill="transparent",
            stroke=GREY,
            strokeDash=[3, 2],
            strokeWidth=1.5,
            description={"expr": "datum.country_name + ': none'"},
        )
        .encode(x=x, y=y, tooltip=list(unknown_tooltip))
    )
    letters = (
        f"(width / {columns} < {_NARROW} && datum.iso_alpha_2 "
        "? datum.iso_alpha_2 : datum.country_id)"
    )
    code: dict[str, Any] = {
        "aria": False,
        "text": {"expr": letters},
        "fontSize": {"expr": f"clamp(1.15 * width / {columns} / length({letters}), 5, 12)"},
    }
    known_codes = (
        alt.Chart()
        .transform_filter(has_value)
        .mark_text(**code)
        .encode(
            x=x,
            y=y,
            color=alt.condition(
                f"luminance({ground}) < {_MIDDLE_LUMINANCE}",
                alt.value(ON_DARK),
                alt.value(ON_LIGHT),
            ),
            tooltip=list(tooltip),
        )
    )
    unknown_codes = (
        alt.Chart()
        .transform_filter(f"!{has_value}")
        .mark_text(**code)
        .encode(x=x, y=y, tooltip=list(unknown_tooltip))
    )
    heading = (
        alt.Chart()
        .transform_filter("datum.number_below == 1")
        .transform_calculate(row=str(last_row + 1))
        .mark_text(text="without a place on the map", align="left", fontSize=11, dy=3)
        .encode(x=alt.value(0), y=y)
    )
    map_of_rows = (
        alt.layer(shadows, known, unknown, known_codes, unknown_codes, heading, data=rows_named())
        .transform_lookup(
            lookup="country_id",
            from_=alt.LookupData(
                data=alt.InlineData(tiles),
                key="country_id",
                fields=["iso_alpha_2", "column", "row"],
            ),
        )
        .transform_calculate(is_below="!isValid(datum.column)")
        .transform_window(
            number="row_number()", sort=[alt.SortField("country_name")], groupby=["is_below"]
        )
        .transform_calculate(number_below="datum.is_below ? datum.number : null")
        .transform_calculate(
            column=f"datum.is_below ? (datum.number - 1) % {columns} + 1 : datum.column",
            row=f"datum.is_below ? {last_row + 2} + floor((datum.number - 1) / {columns}) "
            ": datum.row",
        )
        .properties(height=alt.Step(_TILE_HEIGHT))
    )
    if calculated is not None:
        map_of_rows = map_of_rows.transform_calculate(**{value: calculated})
    return specification(map_of_rows)


@cache
def _tiles() -> list[dict[str, Any]]:
    """The tiles, each with the country's two letters and name from the seeds."""
    with (SEEDS / "countries.csv").open(encoding="utf-8", newline="") as file:
        countries = {row["country_id"]: row for row in csv.DictReader(file)}
    with TILES.open(encoding="utf-8", newline="") as file:
        return [
            {
                "country_id": row["country_id"],
                "country_name": countries[row["country_id"]]["country_name"],
                "iso_alpha_2": countries[row["country_id"]]["iso_alpha_2"] or None,
                "column": int(row["column"]),
                "row": int(row["row"]),
            }
            for row in csv.DictReader(file)
        ]
