"""Tables of an export: the marts, and one long table that is ready for a statistics program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

from valuescope.warehouse.tables.marts import (
    Mart,
    MartColumn,
    built_marts,
    chosen_marts,
    described_marts,
)

_FOLDER = Path(__file__).parent
_SIDES = {
    "human_share": "Share of people with choice",
    "llm_share": "Probability by the model of choice",
}
_SHARES_OF = {
    "human_share": "fct_human_choice_shares.human_share",
    "llm_share": "fct_choice_probabilities.llm_probability",
}


@dataclass(frozen=True)
class ExportedTable:
    """A table as it is exported: its description and the query that gives its rows.

    `labels` are short descriptions of columns, `names` the columns that hold the names of the
    values of a number, both by column.
    """

    mart: Mart
    query: str
    labels: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def exported_marts(marts: tuple[Mart, ...]) -> tuple[ExportedTable, ...]:
    """Return the tables that have the rows of `marts`, ordered by their grain."""
    return tuple(
        ExportedTable(
            mart,
            f"select {', '.join(column.name for column in mart.columns)} from marts.{mart.name} "
            f"order by {mart.in_grain_order}",
        )
        for mart in marts
    )


def exported_tables(
    connection: duckdb.DuckDBPyConnection, names: tuple[str, ...]
) -> tuple[ExportedTable, ...]:
    """Return the named tables of a warehouse; all that are built without a name.

    Raises ValuescopeError for a name that does not exist or is not built, and when nothing is.
    """
    built = built_marts(connection)
    content = _content()
    has_analysis = set(content["needs"]) <= {mart.name for mart in built}
    analysis = _analysis_cells(connection, content) if has_analysis else None
    known = (*built, analysis.mart) if analysis else built
    chosen = chosen_marts(known, names, (content["name"],))
    tables = exported_marts(chosen)
    if analysis is None:
        return tables
    return tuple(analysis if table.mart == analysis.mart else table for table in tables)


def analysis_description() -> Mart:
    """Return the long table as it is described, without the columns of shares."""
    content = _content()
    return Mart(
        name=content["name"],
        description=" ".join(content["description"].split()),
        grain=tuple(content["grain"]),
        columns=tuple(_column(name, of) for name, of in content["columns"].items()),
        holds_survey_estimates=True,
    )


def _analysis_cells(
    connection: duckdb.DuckDBPyConnection, content: Mapping[str, Any]
) -> ExportedTable:
    """Return the long table; it has two columns for each choice of the longest list of choices."""
    row = connection.execute(
        "select coalesce(max(choice_index), 0) from marts.fct_choice_probabilities"
    ).fetchone()
    choice_count = int(row[0]) if row else 0
    described = analysis_description()
    shares = [(side, choice) for side in _SIDES for choice in range(1, choice_count + 1)]
    columns = tuple(
        MartColumn(
            f"{side}_{choice}",
            "double",
            f"Of choice {choice} of the instrument, which dim_choices names. "
            + _mart_column(_SHARES_OF[side]).description,
            is_required=False,
        )
        for side, choice in shares
    )
    mart = Mart(
        described.name, described.description, described.grain, (*described.columns, *columns), True
    )
    sql = (_FOLDER / "analysis_cells.sql").read_text(encoding="utf-8")
    query = jinja2.Template(sql, autoescape=False).render(choice_count=choice_count)
    labels = {name: of["label"] for name, of in content["columns"].items()}
    labels |= {f"{side}_{choice}": f"{_SIDES[side]} {choice}" for side, choice in shares}
    names = {name: of["names"] for name, of in content["columns"].items() if "names" in of}
    shown = ", ".join(column.name for column in mart.columns)
    ordered = f"select {shown} from ({query}) order by {mart.in_grain_order}"
    return ExportedTable(mart, ordered, labels, names)


@cache
def _content() -> dict[str, Any]:
    text = (_FOLDER / "analysis_cells.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def _column(name: str, of: Mapping[str, str]) -> MartColumn:
    if "of" not in of:
        return MartColumn(name, of["data_type"], " ".join(of["description"].split()), False)
    origin = _mart_column(of["of"])
    return MartColumn(name, origin.data_type, origin.description, name in _content()["grain"])


def _mart_column(path: str) -> MartColumn:
    mart_name, column_name = path.split(".")
    (mart,) = (mart for mart in described_marts() if mart.name == mart_name)
    (column,) = (column for column in mart.columns if column.name == column_name)
    return column
