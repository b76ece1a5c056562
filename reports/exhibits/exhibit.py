"""What a report shows: a question to the marts, its rows, and how they are drawn."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from valuescope.reports.exhibits.reasons import design_in_words, in_words, people_in_words
from valuescope.reports.files.number_format import interval, number
from valuescope.reports.terminal.summary import query
from valuescope.warehouse.tables.saved_queries import statement

Row = dict[str, Any]
Specification = dict[str, Any]
"""A Vega-Lite specification whose data is named `rows`."""

_QUERIES = Path(__file__).parent / "queries"
_OTHER_CODES = {"outcome", "excluded_because", "measure"}
_IN_WORDS = {"prompt_name": design_in_words, "population_id": people_in_words}
_PARAMETER = re.compile(r"\$(\w+)")


class Section(StrEnum):
    """The parts of a report, in their order."""

    COUNTRIES = "Countries"
    WORLD = "World"
    MODELS = "Models"
    COUNTRY = "One country"
    QUESTION = "One question"
    PAPER = "The paper's figures"
    CULTURE = "Cultural map"
    SPECIFICATION = "What else moves the numbers"
    QUANTIZATION = "Quantization"
    TABLES = "The paper's tables"
    METHODS = "Methods"


class Selector(StrEnum):
    """What a reader chooses, and an exhibit follows."""

    DESIGN = "design"
    COUNTRY = "country"
    QUESTION = "question"
    CATEGORY = "category"


_SELECTOR_OF = {
    "model_id": Selector.DESIGN,
    "prompt_id": Selector.DESIGN,
    "population_id": Selector.DESIGN,
    "other_model_id": Selector.DESIGN,
    "other_prompt_id": Selector.DESIGN,
    "country_id": Selector.COUNTRY,
    "question_id": Selector.QUESTION,
    "category_id": Selector.CATEGORY,
}


@dataclass(frozen=True)
class Column:
    """A column of an exhibit's table: its name in the query and its heading.

    Numbers are shown with `digits` decimals, followed by their interval where `low` and `high`
    name its ends. On a card, `note` says how to read the number and `beside` is another number
    to compare it with.
    """

    name: str
    heading: str
    digits: int = 2
    low: str | None = None
    high: str | None = None
    note: str = ""
    beside: "Column | None" = None

    @property
    def is_code(self) -> bool:
        """Return whether the column holds codes that people read as words."""
        return self.name.endswith("null_reason") or self.name in {*_OTHER_CODES, *_IN_WORDS}

    @property
    def names(self) -> set[str]:
        """Return the query's columns that this one shows."""
        own = {name for name in (self.name, self.low, self.high) if name is not None}
        return own | (self.beside.names if self.beside else set())

    def text(self, row: Row) -> str:
        """Return what a person reads in a row: words for a code, a number with its interval."""
        value = row[self.name]
        if self.is_code and value is not None:
            return _IN_WORDS.get(self.name, in_words)(value)
        shown = number(value, self.digits)
        if not self.low or not self.high:
            return shown
        return f"{shown} {interval(row[self.low], row[self.high], self.digits)}".rstrip()


@dataclass(frozen=True)
class Exhibit:
    """One figure or table.

    `reading` says in a sentence or two how to read it. `chart` gives the picture's specification;
    an exhibit without one is a table. The query is `queries/EXHIBIT_ID.sql`, that of the exhibit
    that is named in `query_of`, or the saved query that is named; its parameters tell what the
    exhibit follows. `finding` says in a line what the rows show, and is None where they show
    nothing yet. A chart draws rows that have a value in the column `draws`; `needs` says what to
    load or score where there are none. `card_count` columns of a table of one row are shown as
    cards.
    """

    exhibit_id: str
    section: Section
    title: str
    reading: str
    columns: tuple[Column, ...]
    chart: Callable[[], Specification] | None = None
    query_of: str | None = None
    saved_query: str | None = None
    finding: Callable[[Sequence[Row]], str | None] | None = None
    draws: str | None = None
    needs: str = "a scored model and a loaded survey; valuescope status says what is missing"
    card_count: int = 0

    @cached_property
    def sql(self) -> str:
        """Return the exhibit's statement, with `$parameters` where it follows a selector."""
        if self.saved_query is not None:
            # Models of one name and quantization would tie, and a report be another each time.
            return f"{statement(self.saved_query).rstrip()},\n    columns(*)\n"
        file = _QUERIES / f"{self.query_of or self.exhibit_id}.sql"
        return file.read_text(encoding="utf-8").strip() + "\n"

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the statement's parameters, in the order of their first use."""
        return tuple(dict.fromkeys(_PARAMETER.findall(self.sql)))

    @cached_property
    def selectors(self) -> frozenset[Selector]:
        """Return the selectors that the exhibit follows."""
        return frozenset(_SELECTOR_OF[name] for name in self.parameters)

    def rows(
        self, connection: duckdb.DuckDBPyConnection, chosen: dict[str, str | None]
    ) -> list[Row]:
        """Return the rows for the parameters `chosen`; those that the statement lacks are ignored.

        Raises ValuescopeError when the marts are not built, KeyError for a parameter that lacks.
        """
        return _rows(connection, self.sql, chosen)

    def rows_by_country(
        self, connection: duckdb.DuckDBPyConnection, chosen: dict[str, str | None]
    ) -> dict[str, list[Row]]:
        """Return the rows of every country at once, for an exhibit that follows one.

        The query compares its column `country_id` with the parameter.
        """
        everywhere = self.sql.replace("= $country_id", "is not null")
        countries: dict[str, list[Row]] = defaultdict(list)
        for row in _rows(connection, everywhere, chosen):
            countries[row["country_id"]].append(row)
        return countries

    def statement_for(self, chosen: dict[str, str | None]) -> str:
        """Return the statement with its parameters replaced by the literals `chosen`."""

        def literal(match: re.Match[str]) -> str:
            value = chosen[match.group(1)]
            return "null" if value is None else "'" + value.replace("'", "''") + "'"

        return _PARAMETER.sub(literal, self.sql)


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, chosen: dict[str, str | None]
) -> list[Row]:
    """Return the rows of a statement, given those of `chosen` that it has parameters for."""
    values = query(connection, sql, {name: chosen[name] for name in _PARAMETER.findall(sql)})
    assert connection.description is not None
    names = [column[0] for column in connection.description]
    return [dict(zip(names, row, strict=True)) for row in values]
