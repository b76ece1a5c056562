"""Exhibits with the rows of what was chosen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from valuescope.reports.exhibits.exhibit import Exhibit, Row, Selector
from valuescope.reports.terminal.summary import Design


@dataclass(frozen=True)
class FilledExhibit:
    """An exhibit, what it shows, and the statement that gives the same rows again.

    `design` is None for an exhibit of all designs; `chosen` are the country, question and category
    that it follows.
    """

    exhibit: Exhibit
    design: Design | None
    chosen: Mapping[str, str]
    rows: list[Row]
    sql: str

    @property
    def title(self) -> str:
        """Return what the rows show in a line, or the exhibit's question where nothing says so."""
        said = self.exhibit.finding(self.rows) if self.exhibit.finding else None
        return said or self.exhibit.title


def fill_exhibits(
    connection: duckdb.DuckDBPyConnection,
    exhibits: Sequence[Exhibit],
    designs: Sequence[Design],
    chosen: Mapping[str, str],
) -> Iterator[FilledExhibit]:
    """Yield each exhibit that `chosen` is enough for: once, or once per design if it follows one.

    `chosen` may hold `country_id`, `question_id` and `category_id`. Exhibits without rows are left
    out.
    """
    for exhibit in exhibits:
        own = {name: chosen[name] for name in exhibit.parameters if name in chosen}
        follows_design = Selector.DESIGN in exhibit.selectors
        for design in designs if follows_design else (None,):
            values = {**(design.parameters if design else {}), **own}
            if not set(exhibit.parameters) <= set(values):
                continue
            if rows := exhibit.rows(connection, values):
                yield FilledExhibit(exhibit, design, own, rows, exhibit.statement_for(values))
