"""Collect what is wrong with a file, so that all of it is reported at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError

_SHOWN = 8


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a file and what to do about it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        end = "" if self.what.endswith("?") else "."
        return f"{self.what}{end} {self.remedy}"


@dataclass
class Problems:
    """The faults that keep `path` from being loaded (`refusals`), and notes for its user.

    `undone` says that nothing was done with a file that is refused.
    """

    path: Path
    refusals: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    undone: str = "nothing was loaded"

    def refuse(self, what: str, remedy: str) -> None:
        """Note something that must be mended before the file can be loaded."""
        self.refusals.append(Problem(what, remedy))

    def refuse_rows(
        self, connection: duckdb.DuckDBPyConnection, query: str, what: str, remedy: str
    ) -> bool:
        """Refuse when `query` finds rows, and show them; true when it does."""
        found = connection.execute(
            f"select *, count(*) over () from ({query}) limit {_SHOWN}"
        ).fetchall()
        if found:
            shown = [
                " ".join("(blank)" if value is None else str(value) for value in row[:-1])
                for row in found
            ]
            self.refuse(f"{what}: {listed(shown, found[0][-1])}", remedy)
        return bool(found)

    def warn(self, text: str) -> None:
        """Note something that does not keep the file from being loaded."""
        self.warnings.append(text)

    def raise_refusals(self) -> None:
        """Raise ValuescopeError with every refusal so far, if there are any."""
        if len(self.refusals) == 1:
            raise ValuescopeError(f"{self.path} {self.refusals[0]}")
        if self.refusals:
            lines = "\n".join(f"  - {problem}" for problem in self.refusals)
            raise ValuescopeError(
                f"{self.path} has {counted(len(self.refusals), 'fault')}; {self.undone}.\n{lines}"
            )


def listed(names: Iterable[str], total: int | None = None, shown: int = _SHOWN) -> str:
    """Return the first names and how many more there are.

    >>> listed(["Q1", "Q2"])
    'Q1, Q2'
    >>> listed(["Q1", "Q2"], total=5)
    'Q1, Q2 and 3 more'
    """
    names = list(names)
    total = len(names) if total is None else total
    first = names[:shown]
    more = f" and {total - len(first)} more" if total > len(first) else ""
    return ", ".join(first) + more
