"""Files as DuckDB reads them: what a file is, its columns, and its rows as text or numbers."""

import codecs
import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from valuescope.warehouse.errors import ValuescopeError

_HEADER_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 22
_DELIMITERS = ",;\t|"
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What older CSVs of the survey are written in where they are not UTF-8. Latin-1 takes any byte.
_OLDER_ENCODINGS = ("cp1252", "latin-1")


@dataclass(frozen=True)
class Source:
    """One readable file: its columns, and how DuckDB gets at their rows.

    `path` is the file that the user named, `original` the survey's own file: the same, or what an
    archive held; `file` is what is read, in UTF-8 if it is text.
    `rows(columns)` gives SQL for a relation that has at least these columns; the n-th of `columns`
    is called `column_names[n]` there and holds text, or numbers where it is in `numbers`.
    `value_labels` maps a column's codes to their labels where the file tells them; in a file with
    `has_labels` the cells themselves hold labels. `notes` are for the one who loads the file.
    """

    path: Path
    original: Path
    file: Path
    kind: str
    columns: tuple[str, ...]
    column_names: tuple[str, ...]
    rows: Callable[[Iterable[str]], str]
    numbers: frozenset[str] = frozenset()
    value_labels: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    has_labels: bool = False
    notes: tuple[str, ...] = ()

    def find(self, *names: str) -> str | None:
        """The file's own name of the first of `names` that it has, in any case."""
        own = {column.casefold(): column for column in self.columns}
        return next((own[name.casefold()] for name in names if name.casefold() in own), None)

    def raw(self, column: str) -> str:
        """SQL for a column as it is."""
        name = self.column_names[self.columns.index(column)].replace('"', '""')
        return f'"{name}"'

    def text(self, column: str | None) -> str:
        """SQL for the trimmed text of a column, null where it is blank or there is no column.

        Whole numbers have no decimal point.
        """
        if column is None:
            return "cast(null as varchar)"
        value = self.raw(column)
        if column in self.numbers:
            return (
                f"case when {value} = floor({value}) then cast(cast({value} as bigint) as varchar) "
                f"else cast({value} as varchar) end"
            )
        # R writes NA for what is missing.
        return f"nullif(nullif(trim(cast({value} as varchar)), ''), 'NA')"

    def number(self, column: str | None) -> str:
        """SQL for the number in a column, null where it is none; a decimal comma is understood."""
        if column is None:
            return "cast(null as double)"
        if column in self.numbers:
            return self.raw(column)
        return decimal(self.text(column))


def decimal(text: str) -> str:
    """SQL for the number that a text holds, with a decimal point or a decimal comma."""
    return (
        f"try_cast(if(contains({text}, ',') and not contains({text}, '.'), "
        f"replace({text}, ',', '.'), {text}) as double)"
    )


def open_table(path: Path, file: Path, work: Path) -> Source:
    """Look at the head of a CSV or Parquet file. Text that is not UTF-8 is rewritten in `work`.

    Raises ValuescopeError when it is neither.
    """
    head = read_head(file)
    if head.startswith(b"PAR1"):
        return open_parquet(path, file)
    return _open_csv(path, file, head, work)


def refuse_repeated_columns(path: Path, columns: tuple[str, ...]) -> None:
    """Raise ValuescopeError when two columns have one name, in whatever case.

    Columns without a name repeat freely: nobody can ask for one.
    """
    folded = [name.casefold() for name in columns]
    repeated = sorted({name for name in columns if name and folded.count(name.casefold()) > 1})
    if repeated:
        raise ValuescopeError(
            f"{path} has more than one column named {', '.join(map(repr, repeated))}. Keep one of "
            "each and repeat."
        )


def read_head(file: Path) -> bytes:
    """The first bytes of a file, to tell what it is."""
    with file.open("rb") as opened:
        return opened.read(_HEADER_BYTES)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn DuckDB's complaints about the rows of `path` into errors that name file and line."""
    try:
        yield
    except duckdb.InvalidInputException as error:
        raise _row_error(path, str(error)) from error
    except duckdb.IOException as error:
        if path.name not in str(error):
            raise
        raise ValuescopeError(
            f"Cannot read {path}: {str(error).splitlines()[0]} Download or export it again."
        ) from error


def parquet_relation(file: Path) -> str:
    """SQL for the rows of a Parquet file."""
    return f"read_parquet({_pattern(file)})"


def open_parquet(path: Path, file: Path) -> Source:
    """The source that a Parquet file is. Raises ValuescopeError when it is damaged."""
    relation = parquet_relation(file)
    with reading(path), duckdb.connect() as connection:
        described = connection.execute(f"describe select * from {relation}").fetchall()
    columns = tuple(str(row[0]) for row in described)
    return Source(path, file, file, "parquet", columns, columns, lambda _: relation)


def _open_csv(path: Path, file: Path, head: bytes, work: Path) -> Source:
    original = file
    file, notes = _as_utf8(path, file, head, work)
    header = read_head(file).removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")
    line, *rows = header.splitlines() if header.strip() else [""]
    delimiter = max(_DELIMITERS, key=line.count)
    columns = tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter), []))
    first = next(csv.reader(rows[:1], delimiter=delimiter), [])
    if len(first) == len(columns) + 1 and not first[-1]:
        # Single-country files end every row, but not the header, with a delimiter.
        columns = (*columns, "")
    refuse_repeated_columns(path, columns)
    # Positions instead of names, since a header may hold anything.
    names = tuple(f"column_{index}" for index in range(len(columns)))
    types = ", ".join(f"'{name}': 'varchar'" for name in names)
    relation = (
        f"read_csv({_pattern(file)}, header = true, auto_detect = false, strict_mode = true, "
        f"delim = {_quote(delimiter)}, quote = '\"', escape = '\"', columns = {{{types}}})"
    )
    return Source(path, original, file, "csv", columns, names, lambda _: relation, notes=notes)


def _as_utf8(path: Path, file: Path, head: bytes, work: Path) -> tuple[Path, tuple[str, ...]]:
    """The file itself when it is UTF-8, else a copy in `work` that is, and what to say of it."""
    mark = next((bom for bom in _BYTE_ORDER_MARKS if head.startswith(bom)), b"")
    encoding = _BYTE_ORDER_MARKS.get(mark, "utf-8")
    if encoding != "utf-16" and b"\0" in head:
        raise ValuescopeError(
            f"{path} is not a survey file: neither text (CSV), Parquet, SPSS, Stata nor Excel. "
            "Load one of these editions of the survey."
        )
    if encoding != "utf-16" and _decodes(file, encoding):
        return file, ()
    if encoding == "utf-8":
        encoding = next(older for older in _OLDER_ENCODINGS if _decodes(file, older))
    copy = work / file.name
    if copy == file:
        copy = work / f"utf-8-{file.name}"
    try:
        with (
            file.open(encoding=encoding, newline="") as source,
            copy.open("w", encoding="utf-8", newline="") as target,
        ):
            while text := source.read(_HEADER_BYTES):
                target.write(text)
    except UnicodeError as error:
        raise ValuescopeError(
            f"{path} is not readable as {encoding} text, which its first bytes announce: {error}. "
            "It is damaged or was cut off; download or export it again."
        ) from error
    return copy, (f"The file is not UTF-8; it was read as {encoding}.",)


def _decodes(file: Path, encoding: str) -> bool:
    if encoding.startswith("utf-8"):
        return _is_utf8(file)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _is_utf8(file: Path) -> bool:
    """Whether a file is UTF-8 throughout, as Arrow finds out ten times faster than Python."""
    rest = b""
    try:
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                # No character of UTF-8 goes on beyond the end of a line.
                lines, end, rest_of_line = (rest + block).rpartition(b"\n")
                pa.array([lines + end], pa.binary()).cast(pa.string())
                rest = rest_of_line
        pa.array([rest], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _row_error(path: Path, complaint: str) -> ValuescopeError:
    line = re.search(r"CSV Error on Line: (\d+)", complaint)
    where = f"Line {line.group(1)} of {path}" if line else str(path)
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", complaint)
    if counts:
        what = f"has {counts.group(2)} values where the header has {counts.group(1)} columns"
    elif "unterminated quote" in complaint:
        what = "has a quote that is never closed"
    else:
        what = f"cannot be read ({complaint.splitlines()[0]})"
    return ValuescopeError(
        f"{where} {what}: the file is damaged or was cut off. Download or "
        "export it again; nothing was loaded."
    )


def _pattern(path: Path) -> str:
    """The path as SQL text, with what DuckDB would take for wildcards made literal."""
    return _quote(re.sub(r"([\[*?])", r"[\1]", str(path)))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
