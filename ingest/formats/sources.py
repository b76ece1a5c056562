"""Files as DuckDB reads them: what a file is, its columns, and its rows as text or numbers."""

import codecs
import csv
import hashlib
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.problems import listed

_HEADER_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 22
_DELIMITERS = ",;\t|"
# How many rows are read to find the character that separates the columns.
_ROWS_SNIFFED, _LINES_SNIFFED = 20, 200
# Excel's way to name the separator, in a line of its own before the header.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*(?:\r\n|\r|\n)', re.IGNORECASE)
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
    `value_labels` maps a column's codes to their labels if the file has them. `notes` are
    shown to the user. `has_underscores` is false where no row of a text file has one. `texts` are
    the columns that `rows` gives as texts too, and their names.
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
    notes: tuple[str, ...] = ()
    has_underscores: bool = True
    texts: Mapping[str, str] = field(default_factory=dict)

    def with_texts(self, columns: Iterable[str]) -> "Source":
        """Return the source with `text` of these columns computed once for each row.

        DuckDB computes an expression as often as it is named, and a number names its text four
        times.
        """
        texts = {
            column: f'"valuescope text {n}"' for n, column in enumerate(dict.fromkeys(columns))
        }
        chosen = "".join(f", {self.text(column)} as {name}" for column, name in texts.items())
        return replace(
            self,
            rows=lambda used: f"(select *{chosen} from {self.rows({*used, *texts})})",
            texts=texts,
        )

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

    def raw(self, column: str) -> str:
        """Return SQL for a column as it is."""
        name = self.column_names[self._positions[column][0]].replace('"', '""')
        return f'"{name}"'

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


def number_of_text(text: str, cast: str | None = None) -> str:
    """Return SQL for the number that a text is, else null; `cast` reads it in another way.

    DuckDB, like Python, reads `5_1` as 51. Files write so what they add to a label, here to `5`.
    """
    return f"case when not contains({text}, '_') then {cast or f'try_cast({text} as double)'} end"


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


def open_table(path: Path, file: Path, work: Path) -> Source:
    """Look at the head of a CSV, Parquet, Arrow or JSON file; `work` is for what is rewritten.

    Raises ValuescopeError when it is none of them.
    """
    head = read_head(file)
    if head.startswith(b"PAR1"):
        return open_relation(path, file, parquet_relation(file), "parquet", _parquet_names(file))
    if head.startswith((b"ARROW1", b"FEA1")):
        return _open_arrow(path, file, work)
    if head.lstrip(codecs.BOM_UTF8 + b" \t\r\n").startswith((b"{", b"[")):
        relation = f"read_json({_pattern(file)}, sample_size = -1)"
        return open_relation(path, file, relation, "json", _json_names(path, file, relation))
    return _open_csv(path, file, head, work)


def read_head(file: Path) -> bytes:
    """Return the first bytes of a file, which show its format."""
    with file.open("rb") as opened:
        return opened.read(_HEADER_BYTES)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parquet_relation(file: Path) -> str:
    """Return SQL for the rows of a Parquet file."""
    return f"read_parquet({_pattern(file)})"


def open_relation(
    path: Path, file: Path, relation: str, kind: str, headers: Sequence[str] | None = None
) -> Source:
    """Return the source that a relation is; `headers` are its columns where DuckDB renames them."""
    if headers is not None:
        refuse_many_columns(path, headers)
    with duckdb.connect() as connection:
        described = connection.execute(f"describe select * from {relation}").fetchall()
    names = tuple(str(row[0]) for row in described)
    columns = tuple(variable_name(header) for header in headers or names)
    types = [str(row[1]) for row in described]
    numbers = frozenset(
        column
        for column, kind_of in zip(columns, types, strict=True)
        if re.match(r"U?(TINY|SMALL|BIG|HUGE)?INT|DOUBLE|FLOAT|DECIMAL", kind_of)
        and not kind_of.endswith("]")
    )
    # NaN is how many programs store a missing number.
    missing = [
        f"nullif({quoted}, 'nan') as {quoted}"
        for name, kind_of in zip(names, types, strict=True)
        if kind_of in ("DOUBLE", "FLOAT")
        for quoted in (_quote_name(name),)
    ]
    rows = f"(select * replace ({', '.join(missing)}) from {relation})" if missing else relation
    return Source(path, file, file, kind, columns, names, lambda _: rows, numbers=numbers)


def _json_names(path: Path, file: Path, relation: str) -> list[str] | None:
    """Return the columns as the file spells them; DuckDB numbers those that differ only in case."""
    with duckdb.connect() as connection:
        names = [
            str(row[0])
            for row in connection.execute(f"describe select * from {relation}").fetchall()
        ]
        if not any(re.search(r"_\d+$", name) for name in names):
            return None
        keys = connection.execute(
            "select key from (select number, unnest(keys) as key, "
            "generate_subscripts(keys, 1) as place from (select row_number() over () as number, "
            f"json_keys(json) as keys from read_json_objects({_pattern(file)}))) "
            "group by key order by min((number, place))"
        ).fetchall()
    spelled = [str(key) for (key,) in keys]
    # In another order than DuckDB's the columns could not be matched.
    is_same = len(spelled) == len(names) and all(
        re.fullmatch(re.escape(key) + r"(_\d+)?", name)
        for key, name in zip(spelled, names, strict=True)
    )
    if not is_same and len({key.casefold() for key in spelled}) < len(spelled):
        raise ValuescopeError(
            f"{path} has columns whose names differ only in case, in an order that changes by row. "
            "Rename or remove all but one of each."
        )
    return spelled if is_same else None


def _parquet_names(file: Path) -> list[str]:
    return [str(name) for name in pq.read_schema(file).names]


def _open_arrow(path: Path, file: Path, work: Path) -> Source:
    """Open an Arrow or Feather file, of either version, rewritten as Parquet."""
    table = pyarrow.feather.read_table(file)
    target = work / f"{file.stem}.parquet"
    names = [f"column_{position}" for position in range(table.num_columns)]
    pq.write_table(table.rename_columns(names), target)
    headers = [str(name) for name in table.column_names]
    return open_relation(path, file, parquet_relation(target), "arrow", headers)


def _open_csv(path: Path, file: Path, head: bytes, work: Path) -> Source:
    original = file
    file, notes = _as_utf8(path, file, head, work)
    named = _SEPARATOR_LINE.match(read_head(file).removeprefix(codecs.BOM_UTF8).decode("latin-1"))
    delimiters = _DELIMITERS
    if named:
        delimiters = named.group(1)
        file = _without_start(file, len(named.group()), work)
    delimiter, (header, *sample) = max(
        ((mark, _first_records(file, mark)) for mark in delimiters),
        key=lambda candidate: _fit(candidate[1]),
    )
    refuse_many_columns(path, header)
    columns = tuple(variable_name(name) for name in header)
    if sample and all(len(row) == len(columns) + 1 for row in sample):
        # Single-country files end every row, but not the header, with a delimiter; R's
        # write.table heads no column of row names.
        if not any(row[-1] for row in sample):
            columns = (*columns, "")
        elif _are_row_names([row[0] for row in sample]):
            columns = ("", *columns)
    # Positions instead of names, since a header may hold anything.
    names = tuple(f"column_{index}" for index in range(len(columns)))
    types = ", ".join(f"'{name}': 'varchar'" for name in names)
    relation = (
        f"read_csv({_pattern(file)}, header = true, auto_detect = false, strict_mode = true, "
        f"delim = {_quote(delimiter)}, quote = '\"', escape = '\"', columns = {{{types}}})"
    )
    return Source(
        path,
        original,
        file,
        "csv",
        columns,
        names,
        lambda _: relation,
        notes=notes,
        has_underscores=_has_underscores(file),
    )


def _are_row_names(values: list[str]) -> bool:
    """Return whether values are row numbers, some of which may have been filtered out."""
    if len(values) < 2 or not all(value.isascii() and value.isdigit() for value in values):
        return False
    numbers = [int(value) for value in values]
    return all(one < next_one for one, next_one in pairwise(numbers))


def _without_start(file: Path, length: int, work: Path) -> Path:
    """Return a copy in `work` of a file of UTF-8 without its first characters, which are ASCII."""
    copy = work / f"rest-of-{file.name}"
    with file.open("rb") as source, copy.open("wb") as target:
        start = source.read(len(codecs.BOM_UTF8))
        source.seek(length + (len(start) if start == codecs.BOM_UTF8 else 0))
        shutil.copyfileobj(source, target)
    return copy


def _first_records(file: Path, delimiter: str) -> list[list[str]]:
    """Return the header and some rows, as far as they can be read; at least an empty header."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            # A quote that is never closed must not read the whole file.
            lines = islice(iter(lambda: opened.readline(_BLOCK_BYTES), ""), _LINES_SNIFFED)
            reader = csv.reader(lines, delimiter=delimiter)
            return list(islice((r for r in reader if r), _ROWS_SNIFFED)) or [[]]
    except csv.Error:
        return [[]]
    finally:
        csv.field_size_limit(limit)


def _fit(records: list[list[str]]) -> tuple[bool, int]:
    """Rate a delimiter: whether rows are as long as the header, then the number of columns."""
    header, *rows = records
    lengths = {len(row) for row in rows}
    is_even = len(header) > 1 and len(lengths) <= 1 and lengths <= {len(header), len(header) + 1}
    return is_even, len(header)


def _as_utf8(path: Path, file: Path, head: bytes, work: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the file if it is UTF-8, else a UTF-8 copy in `work`, and a note for the user."""
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
    """Return whether a file is all UTF-8; Arrow checks this ten times faster than Python."""
    rest = b""
    try:
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                # No character of UTF-8 goes on beyond the end of a line.
                lines, end, rest_of_line = (rest + block).rpartition(b"\n")
                if not lines.isascii():
                    pa.array([lines + end], pa.binary()).cast(pa.string())
                rest = rest_of_line
        pa.array([rest], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _has_underscores(file: Path) -> bool:
    """Return whether a row below the header has an underscore."""
    with file.open("rb") as opened:
        # Lines may end with a carriage return alone.
        opened.seek(len(re.split(rb"[\r\n]", opened.read(_HEADER_BYTES), maxsplit=1)[0]))
        return any(b"_" in block for block in iter(lambda: opened.read(_BLOCK_BYTES), b""))


def _pattern(path: Path) -> str:
    """Return the path as SQL text, with what DuckDB would take for wildcards made literal."""
    return _quote(re.sub(r"([\[*?])", r"[\1]", str(path)))


def _quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
