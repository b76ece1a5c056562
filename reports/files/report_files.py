"""A report as files: pictures, tables, one document."""

import csv
import io
import re
import textwrap
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any

import vl_convert

from valuescope.reports.charts.drawing import drawn
from valuescope.reports.exhibits.exhibit import Column
from valuescope.reports.exhibits.filled_exhibit import FilledExhibit
from valuescope.reports.terminal.summary import Design
from valuescope.warehouse.tables.json_text import json_text, plain

_INK = "black"
_TITLE_LENGTH = 80
_PIXELS_A_POINT = 2.0
_NO_FILE_NAME = re.compile(r"[^\w.-]+")


def svg_files(exhibits: Iterable[FilledExhibit]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every figure as SVG, text as text."""
    for exhibit in exhibits:
        if exhibit.exhibit.chart is not None:
            picture: str = vl_convert.vegalite_to_svg(_standing_alone(exhibit))
            yield f"{file_name(exhibit)}.svg", picture.encode()


def png_files(exhibits: Iterable[FilledExhibit]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every figure as PNG."""
    for exhibit in exhibits:
        if exhibit.exhibit.chart is not None:
            picture: bytes = vl_convert.vegalite_to_png(
                _standing_alone(exhibit), scale=_PIXELS_A_POINT
            )
            yield f"{file_name(exhibit)}.png", picture


def csv_files(exhibits: Iterable[FilledExhibit]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every exhibit's rows as CSV, with all columns and digits."""
    for exhibit in exhibits:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(exhibit.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(exhibit.rows)
        yield f"{file_name(exhibit)}.csv", buffer.getvalue().encode()


def as_json(exhibits: Iterable[FilledExhibit], version: str, caveats: str) -> str:
    """Return every exhibit with its words, its query and its rows, with all digits."""
    content = {
        "made_by": f"valuescope {version}",
        "caveats": caveats,
        "exhibits": [
            {
                "exhibit_id": filled.exhibit.exhibit_id,
                "section": filled.exhibit.section,
                "title": filled.exhibit.title,
                "reading": filled.exhibit.reading,
                "design": _described(filled.design),
                "chosen": dict(filled.chosen),
                "query": filled.sql,
                "rows": filled.rows,
            }
            for filled in exhibits
        ],
    }
    return json_text(content)


def as_markdown(exhibits: Iterable[FilledExhibit], version: str, caveats: str) -> str:
    """Return one document: one heading per section, one table and query per exhibit."""
    lines = [
        "# How close is a model's picture of a country to what its people said?",
        "",
        caveats,
        "",
    ]
    for section, shown in groupby(exhibits, key=lambda filled: filled.exhibit.section):
        lines += [f"## {section}", ""]
        for filled in shown:
            lines += [
                f"### {filled.title}",
                "",
                *_subject(filled),
                filled.exhibit.reading,
                "",
            ]
            lines += [*markdown_table(filled), ""]
            lines += ["```sql", filled.sql.rstrip(), "```", ""]
    lines += [f"Made by valuescope {version}."]
    return "\n".join(lines) + "\n"


def file_name(filled: FilledExhibit) -> str:
    """Return a file name for an exhibit, without characters that file systems refuse."""
    parts = [filled.exhibit.exhibit_id]
    if filled.design is not None:
        parts.append(filled.design.key)
    parts += _chosen(filled)
    return "--".join(_NO_FILE_NAME.sub("-", part) for part in parts)


def _standing_alone(filled: FilledExhibit) -> dict[str, Any]:
    assert filled.exhibit.chart is not None
    lines = textwrap.wrap(filled.title, _TITLE_LENGTH)
    title = {"text": lines, "anchor": "start", "fontSize": 14}
    return drawn(filled.exhibit.chart(), plain(filled.rows), _INK) | {"title": title}


def _subject(filled: FilledExhibit) -> list[str]:
    names = [] if filled.design is None else [design_name(filled.design)]
    names += _chosen(filled)
    return [f"*{_escaped(' · '.join(names))}*", ""] if names else []


def _chosen(filled: FilledExhibit) -> list[str]:
    return [value for value in filled.chosen.values() if value != "all"]


def design_name(design: Design) -> str:
    """Return a model and its design in one line."""
    if design.choice_order == "averaged":
        order = "orders averaged"
    else:
        order = f"{design.choice_order} order only: order not controlled"
    model = filter(None, (design.model_name, design.quantization, f"({design.model_id[:8]})"))
    return f"{' '.join(model)} · {design.prompt_description}, {order}"


def _described(design: Design | None) -> dict[str, Any] | None:
    return None if design is None else {"name": design_name(design), **design.parameters}


def markdown_table(filled: FilledExhibit) -> list[str]:
    """Return the lines of an exhibit's table, without columns that have no value."""
    columns = [
        column
        for column in filled.exhibit.columns
        if any(row[column.name] is not None for row in filled.rows)
    ]
    return [
        _line(column.heading for column in columns),
        _line("--:" if _is_numeric(filled, column) else "---" for column in columns),
        *(_line(_escaped(column.text(row)) for column in columns) for row in filled.rows),
    ]


def _is_numeric(filled: FilledExhibit, column: Column) -> bool:
    values = (row[column.name] for row in filled.rows)
    return all(value is None or isinstance(value, int | float | Decimal) for value in values)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Escape text for one line of a Markdown table."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))
