"""Files as DuckDB reads them: what a file is, its columns, and its rows as text or numbers."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa

from valuescope.warehouse.database.sql_texts import number_of_text, quoted, quoted_name
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.problems import listed

HEAD_BYTES = 1 << 20
# `Q46: Feeling of happiness`, as the single-country files head their columns.
_LABELLED_HEADER = re.compile(r"(\w+)\s*:(?:\s|$)")
# What programs write for a missing value: R and pandas, Stata, SPSS, Excel, databases.
MISSING_TEXTS = frozenset(
    {"", "NA", "<NA>", "NaN", "nan", ".", "#NULL!", "#N/A", "N/A", "n/a", "None", "NULL", "null"}
)
# A few at a time: DuckDB plans longer lists as a join, which holds all columns in memory.
_MISSING_LISTS = [
    ", ".join(f"'{text}'" for text in sorted(MISSING_TEXTS)[start : start + 4])
    for start in range(0, len(MISSING_TEXTS), 4)
]
_MOST_COLUMNS = 20_000
# Whole numbers beyond it are no longer exact.
_LARGEST_EXACT = 1e15


@dataclass(frozen=True)
class Source:
    """One readable file: its columns, and how DuckDB gets at their rows.

    `path` is the file that the user named, `original` the survey's own file: the same, or what an
    archive held; `file` is what is read, in UTF-8 if it is text.
    `rows(columns)` gives SQL for a relation that has at least these columns; the n-th of `columns`
    is called `column_names[n]` there and holds text, or numbers where it is in `numbers`.
    `encoded(names, answers)` reads columns as dictionaries of texts, those with answers also as
    numbers, where that is quicker; it returns None where it cannot. `value_labels` maps a column's
    codes to their labels if the file has them. `notes` are shown to the user. `sha256` is that of
    `original` where it is known. `texts` are the columns that `rows` gives as texts too, and their
    names.
    """

    path: Path
    original: Path
    file: Path
    kind: str
    columns: tuple[str, ...]
    column_names: tuple[str, ...]
    rows: Callable[[Iterable[str]], str]
    encoded: Callable[[Sequence[str], Sequence[str]], pa.Table | None] | None = None
    numbers: frozenset[str] = frozenset()
    value_labels: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sha256: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def with_texts(self, relation: str, columns: Iterable[str]) -> "Source":
        """Return the source with `relation` for rows, where `text` of these columns is computed.

        DuckDB computes an expression as often as it is named, and a number names its text four
        times.
        """
        texts = {
            column: f'"valuescope text {n}"' for n, column in enumerate(dict.fromkeys(columns))
        }
        chosen = "".join(f", {self.text(column)} as {name}" for column, name in texts.items())
        return replace(self, rows=lambda _: f"(select *{chosen} from {relation})", texts=texts)

    def table(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: Sequence[str],
        answers: Sequence[str],
    ) -> pa.Table:
        """Return columns under their `column_names`, and behind them those with `answers`.

        Where a column is both it comes twice.
        """
        names, answer_names = [[self.name(c) for c in group] for group in (columns, answers)]
        found = None if self.encoded is None else self.encoded(names, answer_names)
        if found is None:
            chosen = ", ".join(map(quoted_name, [*names, *answer_names]))
            relation = self.rows([*columns, *answers])
            found = connection.sql(f"select {chosen} from {relation}").to_arrow_table()
        return found

    @cached_property
    def _positions(self) -> Mapping[str, Sequence[int]]:
        return _positions_by(self.columns, str)

    @cached_property
    def _folded(self) -> Mapping[str, Sequence[int]]:
        return _positions_by(self.columns, str.casefold)

    def find(self, *names: str) -> str | None:
        """Return the file's own name of the first of `names` that it has, in any case.

        The exact name wins over one in another case. Raises ValuescopeError if several columns
        may be meant.
        """
        for name in names:
            found = self._positions.get(name) or self._folded.get(name.casefold(), ())
            if len(found) > 1:
                spelled = ", ".join(repr(self.columns[position]) for position in found)
                raise ValuescopeError(
                    f"{self.path} has {len(found)} columns for {name}: {spelled} (columns "
                    f"{listed(str(at + 1) for at in found)}). Rename or remove all but one."
                )
            if found:
                return self.columns[found[0]]
        return None

    def other_spellings(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return the columns whose names differ from one of `columns` in case only."""
        return tuple(
            self.columns[position]
            for column in columns
            for position in self._folded[column.casefold()]
            if self.columns[position] != column
        )

    def name(self, column: str) -> str:
        """Return what a column is called in `rows`."""
        return self.column_names[self._positions[column][0]]

    def raw(self, column: str) -> str:
        """Return SQL for a column as it is."""
        return quoted_name(self.name(column))

    def cell(self, column: str) -> str:
        """Return SQL for the trimmed text of a column, null where it is blank.

        Whole numbers have no decimal point.
        """
        value = self.raw(column)
        if column in self.numbers:
            return (
                f"case when {value} = floor({value}) and abs({value}) < {_LARGEST_EXACT} "
                f"then cast(try_cast({value} as bigint) as varchar) "
                f"else cast({value} as varchar) end"
            )
        return f"nullif(trim(cast({value} as varchar)), '')"

    def text(self, column: str | None) -> str:
        """Return SQL for the trimmed text of a column; null if text or column is missing."""
        if column is None:
            return "cast(null as varchar)"
        if column in self.texts:
            return self.texts[column]
        cell = self.cell(column)
        is_known = " and ".join(f"{cell} not in ({texts})" for texts in _MISSING_LISTS)
        return f"case when {is_known} then {cell} end"

    def number(self, column: str | None) -> str:
        """Return SQL for the number in a column, else null; a decimal comma is understood."""
        if column is None:
            return "cast(null as double)"
        if column in self.numbers:
            return f"cast({self.raw(column)} as double)"
        return decimal(self.text(column))


def _positions_by(columns: Iterable[str], key: Callable[[str], str]) -> Mapping[str, Sequence[int]]:
    positions: dict[str, list[int]] = defaultdict(list)
    for position, column in enumerate(columns):
        positions[key(column)].append(position)
    return positions


def decimal(text: str) -> str:
    """Return SQL for the number that a text holds, with a decimal point or a decimal comma."""
    has_comma = f"contains({text}, ',') and not contains({text}, '.')"
    pointed = f"if({has_comma}, replace({text}, ',', '.'), {text})"
    return number_of_text(text, f"try_cast({pointed} as double)")


def whole(number: str) -> str:
    """Return SQL for a number as an integer, null where it has a fraction or is out of range."""
    return f"case when {number} = floor({number}) then try_cast({number} as integer) end"


def refuse_many_columns(path: Path, columns: Sequence[str]) -> None:
    """Raise ValuescopeError for more columns than any survey has, which would take minutes."""
    if len(columns) > _MOST_COLUMNS:
        raise ValuescopeError(
            f"{path} has {len(columns)} columns, more than {_MOST_COLUMNS}: {listed(columns)}. "
            "Respondents must be in rows and questions in columns: transpose the table if it is "
            "the other way round, or leave out the columns that you do not need."
        )


def variable_name(header: str) -> str:
    """Return the variable that a header names: `Q46` of `Q46: Feeling of happiness`."""
    header = header.strip()
    labelled = _LABELLED_HEADER.match(header)
    return labelled.group(1) if labelled else header


def read_head(file: Path) -> bytes:
    """Return the first bytes of a file, which show its format."""
    with file.open("rb") as opened:
        return opened.read(HEAD_BYTES)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parquet_relation(file: Path) -> str:
    """Return SQL for the rows of a Parquet file."""
    return f"read_parquet({file_pattern(file)})"


def file_pattern(path: Path) -> str:
    """Return the path as SQL text, with what DuckDB would take for wildcards made literal."""
    return quoted(re.sub(r"([\[*?])", r"[\1]", str(path)))
