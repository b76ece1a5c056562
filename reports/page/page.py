"""The report as one HTML file: opened from a disk, it needs no network and nothing else."""

import base64
import gzip
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import numpy as np
import numpy.typing as npt
import vl_convert

from valuescope.reports.charts.drawing import HEIGHT_PER_WIDTH, SHAPES
from valuescope.reports.charts.palette import look
from valuescope.reports.exhibits.catalogue import EXHIBITS
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Row, Section, Selector
from valuescope.reports.exhibits.finding import findings
from valuescope.reports.exhibits.reasons import design_in_words, people_in_words, words
from valuescope.reports.page.cells import (
    MEAN_SCORE_UNITS,
    SHARE_UNITS,
    Grid,
    People,
    answers,
    grid,
    people,
)
from valuescope.reports.page.facts import facts
from valuescope.reports.terminal.summary import Design, query
from valuescope.warehouse.tables.caveats import compared_surveys
from valuescope.warehouse.tables.json_text import plain

_FOLDER = Path(__file__).parent
_DIGITS = 5
"""Significant digits of the numbers on a page; it shows fewer."""

_NEARLY_ALL = 0.9

DETAILED_DESIGNS = 20
"""How many designs a page shows cell by cell; its tables of all models show the others too."""


@dataclass(frozen=True)
class Origin:
    """What a report was made with: the project's version and the warehouse's last build."""

    version: str
    variables: dict[str, Any]


def html(
    connection: duckdb.DuckDBPyConnection,
    designs: Sequence[Design],
    origin: Origin,
    exhibits: Sequence[Exhibit] = EXHIBITS,
) -> str:
    """Return the page of these designs, the one with the highest r shown first.

    `designs` beyond DETAILED_DESIGNS are named as left out. The same warehouse gives the same
    page, byte for byte. Raises ValuescopeError when the marts are not built.
    """
    found = findings(connection, designs)
    detailed = designs[:DETAILED_DESIGNS]
    cells = grid(connection, detailed)
    sides: dict[tuple[str | None, str], People] = {}
    contents = []
    for design in detailed:
        key = (design.population_id, design.coding_id)
        if key not in sides:
            sides[key] = people(connection, cells, *key)
        contents.append(
            _design_data(connection, cells, design, sides[key], list(sides).index(key), exhibits)
        )
    first = next((detailed.index(one.design) for one in found if one.design in detailed), 0)
    shapes: list[Any] = []
    frame = {
        "exhibits": [_exhibit_data(connection, exhibit, shapes) for exhibit in exhibits],
        "shapes": shapes[0] if shapes else None,
        "words": words() | _names_in_words(connection),
        "first": _first_choice(cells, contents[first], list(sides.values())) | {"design": first}
        if contents
        else {},
        "designs": [_design_name(design) for design in detailed],
        "countries": _countries(connection, cells),
        "questions": _questions(connection, cells),
        "units": {"mean_score": MEAN_SCORE_UNITS, "share": SHARE_UNITS},
    }
    return _template("page.html").render(
        sections=_sections(exhibits),
        findings=found,
        facts=facts(connection, designs),
        designs=detailed,
        can_be_chosen={design.key for design in detailed},
        left_out=designs[DETAILED_DESIGNS:],
        origin=origin,
        surveys=compared_surveys(connection),
        frame=_packed(frame),
        sides=[_packed(_side_data(side)) for side in sides.values()],
        chunks=[_packed(content) for content in contents],
        vega=_vega(),
        style=_text("page.css"),
        script=_text("page.js"),
    )


def _sections(exhibits: Sequence[Exhibit]) -> list[tuple[Section, list[Exhibit]]]:
    return [
        (section, shown)
        for section in Section
        if (shown := [exhibit for exhibit in exhibits if exhibit.section == section])
    ]


def _first_choice(
    cells: Grid, content: dict[str, Any], sides: Sequence[People]
) -> dict[str, int | None]:
    """Return the country and the question with the largest gap, of those with most data."""
    shape = (len(cells.question_ids), len(cells.country_ids))
    model, human = (
        np.array(scores, dtype=float).reshape(shape)
        for scores in (content["mean_scores"], sides[content["side"]].mean_scores)
    )
    gaps = np.abs(model - human)
    return {"country": _largest(gaps.T), "question": _largest(gaps)}


def _largest(gaps: npt.NDArray[np.float64]) -> int | None:
    """Return the row with the largest mean, of those with nearly as many values as any."""
    counts = (~np.isnan(gaps)).sum(axis=1)
    if not counts.any():
        return None
    sums = np.nansum(gaps, axis=1)
    means = np.where(counts >= _NEARLY_ALL * counts.max(), sums / np.maximum(counts, 1), -1)
    return int(means.argmax())


def _exhibit_data(
    connection: duckdb.DuckDBPyConnection, exhibit: Exhibit, shapes: list[Any]
) -> dict[str, Any]:
    # What follows no selector is here once; all else comes with its design.
    rows = exhibit.rows(connection, {}) if not exhibit.parameters else None
    return {
        "id": exhibit.exhibit_id,
        "title": exhibit.title,
        "parameters": exhibit.parameters,
        "columns": [_column_data(column) for column in exhibit.columns],
        "specification": _compiled(exhibit.chart(), shapes) if exhibit.chart else None,
        "draws": exhibit.draws,
        "needs": exhibit.needs,
        "card_count": exhibit.card_count,
        "sql": exhibit.sql,
        "rows": None if rows is None else _table(rows),
        "finding": _finding(exhibit, rows),
    }


def _column_data(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "heading": column.heading,
        "digits": column.digits,
        "low": column.low,
        "high": column.high,
        "note": column.note,
        "is_code": column.is_code,
        "beside": _column_data(column.beside) if column.beside else None,
    }


def _finding(exhibit: Exhibit, rows: Sequence[Row] | None) -> str | None:
    return exhibit.finding(rows) if exhibit.finding and rows else None


def _names_in_words(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the words for the names of designs and the ids of populations."""
    designs = query(connection, "select distinct prompt_name from marts.dim_prompts order by all")
    people = query(connection, "select population_id from marts.dim_populations order by all")
    return {name: design_in_words(name) for (name,) in designs} | {
        population_id: people_in_words(population_id) for (population_id,) in people
    }


def _design_data(
    connection: duckdb.DuckDBPyConnection,
    cells: Grid,
    design: Design,
    side: People,
    side_number: int,
    exhibits: Sequence[Exhibit],
) -> dict[str, Any]:
    """Return the data of one design: rows of the exhibits that follow it alone, and its cells."""
    mean_scores, probabilities = answers(connection, cells, design, side)
    of_design = {
        exhibit: exhibit.rows(connection, design.parameters)
        for exhibit in exhibits
        if exhibit.selectors == {Selector.DESIGN}
    }
    return {
        "side": side_number,
        "rows": {exhibit.exhibit_id: _table(rows) for exhibit, rows in of_design.items()},
        "findings": {
            exhibit.exhibit_id: said
            for exhibit, rows in of_design.items()
            if (said := _finding(exhibit, rows))
        },
        "by_country": {
            exhibit.exhibit_id: {
                country_id: _table(rows)
                for country_id, rows in exhibit.rows_by_country(
                    connection, design.parameters
                ).items()
            }
            for exhibit in exhibits
            if exhibit.selectors == {Selector.DESIGN, Selector.COUNTRY}
        },
        "mean_scores": mean_scores,
        "probabilities": probabilities,
    }


def _design_name(design: Design) -> dict[str, Any]:
    return {
        "parameters": design.parameters,
        "key": design.key,
        "model": " ".join(filter(None, (design.model_name, design.quantization))),
        "prompt": design.prompt_description,
        "order": design.choice_order,
    }


def _side_data(side: People) -> dict[str, Any]:
    return {
        "choices": side.choices,
        "mean_scores": side.mean_scores,
        "shares": side.shares,
    }


def _countries(connection: duckdb.DuckDBPyConnection, cells: Grid) -> list[list[Any]]:
    """Return id and name of each country of the grid, in its order."""
    names = dict(query(connection, "select country_id, country_name from marts.dim_countries"))
    return [[country_id, names[country_id]] for country_id in cells.country_ids]


def _questions(connection: duckdb.DuckDBPyConnection, cells: Grid) -> list[list[Any]]:
    """Return id, label, wording and category of each question of the grid, in its order."""
    rows = query(
        connection,
        """
        select
            dim_questions.question_id,
            dim_questions.short_label,
            dim_questions.wording,
            dim_questions.category_id,
            dim_categories.category_name
        from marts.dim_questions
        inner join marts.dim_categories on dim_questions.category_id = dim_categories.category_id
        """,
    )
    described = {row[0]: list(row) for row in rows}
    return [described[question_id] for question_id in cells.question_ids]


def _table(rows: list[Row]) -> dict[str, Any]:
    """Return the rows column by column."""
    names = list(rows[0]) if rows else []
    return {name: [_shortened(row[name]) for row in rows] for name in names}


def _shortened(value: Any) -> Any:
    """Convert a value for JSON: numbers to `_DIGITS`, null where one is not finite."""
    if isinstance(value, float | Decimal):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return plain(value)


def _packed(content: dict[str, Any]) -> str:
    """Return compressed JSON as text that is safe within HTML."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Without a time stamp, so that the same content gives the same bytes.
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _compiled(specification: dict[str, Any], shapes: list[Any]) -> dict[str, Any]:
    """Return Vega-Lite as Vega, which a browser draws without compiling anything.

    The shapes of maps go to `shapes`, once for all of them.
    """
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(specification | {"config": look()})
    share = specification.get("usermeta", {}).get(HEIGHT_PER_WIDTH)
    if share is not None:
        del compiled["height"]
        compiled["signals"].append({"name": "height", "update": f"{share} * width"})
    for data in compiled["data"]:
        if data["name"] == SHAPES:
            shapes[:] = [data.pop("values")]
    return compiled


@cache
def _vega() -> str:
    """Return Vega and Vega-Embed as one script."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", "<\\/script")


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
