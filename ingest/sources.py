"""Files as DuckDB reads them: what a file is, its columns, and its rows as text."""

import csv
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.errors import ValuescopeError

_HEADER_BYTES = 1 << 20
_DELIMITERS = ",;\t|"
# First bytes of files that people have of the survey but that are read in another way.
_OTHER_KINDS = {
    b"PK\x03\x04": "a ZIP archive or Excel file; unpack it and load the CSV inside",
    b"\x1f\x8b": "compressed with gzip; unpack it and load the CSV inside",
    b"$FL2": "an SPSS file; load the CSV edition of the survey",
    b"$FL3": "an SPSS file; load the CSV edition of the survey",
    b"<stata_dta>": "a Stata file; load the CSV edition of the survey",
    b"%PDF": "a PDF; load the CSV edition of the survey",
    b"<": "a web page or XML file; download the survey's CSV again",
}


@dataclass(frozen=True)
class Source:
    """One readable file: its column names as the file has them, and `relation`, SQL for its rows.

    The n-th column is called `column_names[n]` in the relation.
    """

    path: Path
    columns: tuple[str, ...]
    column_names: tuple[str, ...]
    relation: str

    def find(self, *names: str) -> str | None:
        """The file's own name of the first of `names` that it has, in any case."""
        own = {column.casefold(): column for column in self.columns}
        return next((own[name.casefold()] for name in names if name.casefold() in own), None)

    def text(self, column: str) -> str:
        """SQL for the trimmed text of a column, null where it is blank."""
        name = self.column_names[self.columns.index(column)].replace('"', '""')
        return f"nullif(trim(cast(\"{name}\" as varchar)), '')"


def open_source(path: Path) -> Source:
    """Look at the head of a CSV or Parquet file.

    Raises ValuescopeError when there is no such file or it is neither.
    """
    if path.is_dir():
        raise ValuescopeError(f"{path} is a folder. Name the survey file inside it.")
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        raise ValuescopeError(f"No such file: {path}. Check the path and repeat.") from None
    except OSError as error:
        raise ValuescopeError(
            f"Cannot read {path}: {error.strerror}. Fix its permissions and repeat."
        ) from error
    if not head.strip():
        raise ValuescopeError(f"{path} is empty. Download or export it again.")
    if head.startswith(b"PAR1"):
        return _open_parquet(path)
    for start, kind in _OTHER_KINDS.items():
        if head.startswith(start):
            raise ValuescopeError(f"{path} is {kind}.")
    return _open_csv(path, head)


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
        if str(path) not in str(error):
            raise
        raise ValuescopeError(
            f"Cannot read {path}: {str(error).splitlines()[0]} Download or export it again."
        ) from error


def _open_parquet(path: Path) -> Source:
    relation = f"read_parquet({_pattern(path)})"
    with reading(path), duckdb.connect() as connection:
        described = connection.execute(f"describe select * from {relation}").fetchall()
    columns = tuple(str(row[0]) for row in described)
    return Source(path, columns, columns, relation)


def _open_csv(path: Path, head: bytes) -> Source:
    line = head.removeprefix(b"\xef\xbb\xbf").splitlines()[0]
    try:
        if b"\0" in head:
            raise ValueError
        header = line.decode("utf-8")
    except ValueError:
        raise ValuescopeError(
            f"{path} is not a survey file: neither UTF-8 text (CSV) nor Parquet. Load the CSV "
            "edition of the survey."
        ) from None
    delimiter = max(_DELIMITERS, key=header.count)
    columns = tuple(name.strip() for name in next(csv.reader([header], delimiter=delimiter)))
    folded = [name.casefold() for name in columns]
    repeated = sorted({name for name in columns if folded.count(name.casefold()) > 1})
    if repeated:
        raise ValuescopeError(
            f"{path} has more than one column named {', '.join(map(repr, repeated))}. Keep one of "
            "each and repeat."
        )
    # Positions instead of names, since a header may hold anything.
    names = tuple(f"column_{index}" for index in range(len(columns)))
    types = ", ".join(f"'{name}': 'varchar'" for name in names)
    relation = (
        f"read_csv({_pattern(path)}, header = true, auto_detect = false, strict_mode = true, "
        f"delim = {_quote(delimiter)}, quote = '\"', escape = '\"', columns = {{{types}}})"
    )
    return Source(path, columns, names, relation)


def _row_error(path: Path, complaint: str) -> ValuescopeError:
    line = re.search(r"CSV Error on Line: (\d+)", complaint)
    where = f"Line {line.group(1)} of {path}" if line else str(path)
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", complaint)
    if counts:
        what = f"has {counts.group(2)} values where the header has {counts.group(1)} columns"
    elif "unterminated quote" in complaint:
        what = "has a quote that is never closed"
    elif "unicode" in complaint or "utf-8" in complaint:
        what = "is not UTF-8 text"
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
