"""The marts as their yml describes them: what a row is, and what each column says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import DBT_PROJECT

_MODELS = DBT_PROJECT / "models"
_DOCS = re.compile(r"{% docs (\w+) %}(.*?){% enddocs %}", re.DOTALL)
_ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
_NEXT = "`valuescope build` makes them from what is loaded and scored."


@dataclass(frozen=True)
class MartColumn:
    """A column: its name, its type in DuckDB, what it says, and whether every row has a value."""

    name: str
    data_type: str
    description: str
    is_required: bool


@dataclass(frozen=True)
class Mart:
    """A table of the schema `marts`; `grain` are the columns that identify a row.

    `holds_survey_estimates` is whether it repeats shares or mean scores of the survey's
    respondents, or places of their countries, which the survey's terms may keep from being passed
    on.
    """

    name: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[MartColumn, ...]
    holds_survey_estimates: bool

    @property
    def in_grain_order(self) -> str:
        """Return SQL that orders the rows in one way only: by the grain, then by the rest."""
        rest = (column.name for column in self.columns if column.name not in self.grain)
        return ", ".join((*self.grain, *rest))


@cache
def described_marts() -> tuple[Mart, ...]:
    """Return all marts of the dbt project, by name."""
    found = (_mart(path) for path in (_MODELS / "marts").rglob("*.yml"))
    return tuple(sorted(found, key=lambda mart: mart.name))


def built_marts(connection: duckdb.DuckDBPyConnection) -> tuple[Mart, ...]:
    """Return the marts that the warehouse has, by name.

    Raises ValuescopeError if there are no marts, or another version of valuescope has built one.
    """
    columns: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'marts'"
    ).fetchall():
        columns.setdefault(table, set()).add(column)
    built = tuple(mart for mart in described_marts() if mart.name in columns)
    if not built:
        raise ValuescopeError(f"The warehouse has no marts yet. {_NEXT}")
    for mart in built:
        if columns[mart.name] != {column.name for column in mart.columns}:
            raise ValuescopeError(
                f"The table {mart.name} was built by another version of valuescope and has other "
                "columns than its description. Run `valuescope build`."
            )
    return built


def chosen_marts(
    built: tuple[Mart, ...], names: tuple[str, ...], others: tuple[str, ...] = ()
) -> tuple[Mart, ...]:
    """Return those of `built` that are named, each once; all of them without a name.

    `others` are tables beside the marts that can be built too. Raises ValuescopeError for one that
    does not exist or is not built.
    """
    known = {mart.name: mart for mart in built}
    for name in names:
        if name not in known:
            described = [*(mart.name for mart in described_marts()), *others]
            if name in described:
                raise ValuescopeError(f"The table {name} is not built yet. {_NEXT}")
            raise unknown_name("table", name, described, "Leave the name out for all of them.")
    return tuple(known[name] for name in dict.fromkeys(names)) or built


def _mart(path: Path) -> Mart:
    (model,) = yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    meta = model["config"]["meta"]
    return Mart(
        name=model["name"],
        description=_described(model["description"]),
        grain=tuple(meta["grain"]),
        columns=tuple(_column(column) for column in model["columns"]),
        holds_survey_estimates=meta.get("survey_estimates", False),
    )


def _column(column: Mapping[str, Any]) -> MartColumn:
    constraints = [constraint["type"] for constraint in column.get("constraints", ())]
    return MartColumn(
        name=column["name"],
        data_type=column["data_type"],
        description=_described(column["description"]),
        is_required="not_null" in constraints,
    )


def _described(text: str) -> str:
    """Return a description on one line, with what it takes from `{{ doc(..) }}`."""
    if "{{" in text:
        text = _ENVIRONMENT.from_string(text).render(doc=_docs().__getitem__)
    return " ".join(text.split())


@cache
def _docs() -> dict[str, str]:
    """Return the texts of the project's `{% docs %}` blocks, by name."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(_MODELS.glob("*.md")))
    return {name: text.strip() for content in texts for name, text in _DOCS.findall(content)}
