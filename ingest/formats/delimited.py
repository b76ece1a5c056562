"""CSV and its relatives: the separator, the encoding, and the columns that are wanted."""

import codecs
import csv
import hashlib
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from valuescope.ingest.formats.sources import (
    MISSING_TEXTS,
    Source,
    file_pattern,
    read_head,
    refuse_many_columns,
    variable_name,
)
from valuescope.warehouse.database.sql_texts import quoted
from valuescope.warehouse.errors import ValuescopeError

# Few enough to stay in the processor's cache.
_BLOCK_BYTES = 1 << 18
_DELIMITERS = ",;\t|"
# How many rows are read to find the character that separates the columns.
_ROWS_SNIFFED, _LINES_SNIFFED = 20, 200
# Excel's way to name the separator, in a line of its own before the header.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*(?:\r\n|\r|\n)', re.IGNORECASE)
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What older CSVs of the survey are written in where they are not UTF-8. Latin-1 takes any byte.
_OLDER_ENCODINGS = ("cp1252", "latin-1")
_LINE_ENDS = frozenset(b"\r\n")
_NOT_ASCII = bytes(range(128, 256))


@dataclass(frozen=True)
class _Contents:
    """Findings of one pass over the bytes of a file.

    `beside_quotes` are the bytes before opening and after closing quotes; None where a cell goes
    on in the next line.
    """

    sha256: str
    is_utf8: bool
    has_hexadecimals: bool
    beside_quotes: frozenset[int] | None


def first_lines(head: bytes) -> bytes:
    """Return the whole lines of the beginning of a CSV; none if it is in 16 bits or no text."""
    is_json = head.lstrip(codecs.BOM_UTF8 + b" \t\r\n").startswith((b"{", b"["))
    if is_json or b"\0" in head:
        return b""
    end = b"\n" if b"\n" in head else b"\r"
    return b"".join(head.rpartition(end)[:2])


def open_delimited(path: Path, file: Path, head: bytes, work: Path) -> Source:
    """Open a CSV that begins with `head`; `work` is for a copy in UTF-8.

    Raises ValuescopeError when it is not text.
    """
    original, contents = file, _look_through(file)
    file, notes = _as_utf8(path, file, head, contents.is_utf8, work)
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
        f"read_csv({file_pattern(file)}, header = true, auto_detect = false, strict_mode = true, "
        f"delim = {quoted(delimiter)}, quote = '\"', escape = '\"', columns = {{{types}}})"
    )
    is_plain = (
        contents.beside_quotes is not None
        and contents.beside_quotes <= {ord(delimiter), *_LINE_ENDS}
        # Of a file that begins with blank lines Arrow would take the header for a row.
        and head.removeprefix(codecs.BOM_UTF8)[0] not in _LINE_ENDS
    )
    return Source(
        path,
        original,
        file,
        "csv",
        columns,
        names,
        lambda _: relation,
        encoded=partial(_encoded, file, names, delimiter, contents.has_hexadecimals)
        if is_plain
        else None,
        notes=notes,
        sha256=contents.sha256,
    )


def _encoded(
    file: Path,
    columns: Sequence[str],
    delimiter: str,
    has_hexadecimals: bool,
    names: Sequence[str],
    answers: Sequence[str],
) -> pa.Table | None:
    """Read some of `columns` in less than half the time that DuckDB takes.

    Returns None where the rows are not as long as `columns`.
    """
    texts = pa.dictionary(pa.int32(), pa.string())
    # Arrow reads `0x1` as 1.
    for kind in (texts,) if has_hexadecimals else (pa.int32(), texts):
        types = dict.fromkeys(answers, kind) | dict.fromkeys(names, texts)
        try:
            table = pyarrow.csv.read_csv(
                file,
                pyarrow.csv.ReadOptions(column_names=list(columns), skip_rows_after_names=1),
                pyarrow.csv.ParseOptions(delimiter=delimiter),
                pyarrow.csv.ConvertOptions(
                    include_columns=list(types),
                    column_types=types,
                    null_values=sorted(MISSING_TEXTS),
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            if "conversion error" in str(error):
                continue
            # DuckDB finds the line that is at fault.
            return None
        return table.select([*names, *answers])
    return None


def _look_through(file: Path) -> _Contents:
    """Read all bytes of a file, once."""
    digest, is_utf8, has_hexadecimals, rest = hashlib.sha256(), True, False, b""
    beside_quotes: set[int] | None = set()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK_BYTES):
            # To the end of a line, where no character and no cell goes on.
            block += opened.readline(_BLOCK_BYTES)
            digest.update(block)
            # One byte is searched for ten times faster than two.
            has_hexadecimals |= any(
                letter in block and b"0" + letter in block for letter in (b"x", b"X")
            )
            if rest or not block.isascii():
                text = rest + block
                whole = len(text.rstrip(_NOT_ASCII))
                rest = text[whole:]
                is_utf8 = is_utf8 and _is_utf8(text[:whole])
            if beside_quotes is not None and b'"' in block:
                found = _beside_quotes(block.removeprefix(codecs.BOM_UTF8))
                is_whole = block.endswith(b"\n") or not opened.peek(1)
                beside_quotes = beside_quotes | found if found is not None and is_whole else None
    return _Contents(
        digest.hexdigest(),
        is_utf8 and _is_utf8(rest),
        has_hexadecimals,
        None if beside_quotes is None else frozenset(beside_quotes),
    )


def _is_utf8(text: bytes) -> bool:
    """Return whether bytes are UTF-8; Arrow checks this ten times faster than Python."""
    ends = pa.array([0, len(text)], pa.int32()).buffers()[1]
    try:
        pa.StringArray.from_buffers(1, ends, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _beside_quotes(lines: bytes) -> set[int] | None:
    """Return the bytes before opening and after closing quotes; None if a line leaves one open.

    A doubled quote inside a cell closes it and opens it again.
    """
    text = np.frombuffer(b"\n" + lines + b"\n", np.uint8)
    quotes = np.flatnonzero(text == ord('"'))
    is_end = text == ord("\n")
    if b"\r" in lines:
        is_end |= text == ord("\r")
    ends = np.flatnonzero(is_end)
    if (np.searchsorted(quotes, ends) % 2).any():
        return None
    beside = np.concatenate([text[quotes[::2] - 1], text[quotes[1::2] + 1]])
    # Of quotes that touch, the second opens again what the first has closed.
    return {int(byte) for byte in np.flatnonzero(np.bincount(beside))} - {ord('"')}


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


def _as_utf8(
    path: Path, file: Path, head: bytes, is_utf8: bool, work: Path
) -> tuple[Path, tuple[str, ...]]:
    """Return the file if it is UTF-8, else a UTF-8 copy in `work`, and a note for the user."""
    mark = next((bom for bom in _BYTE_ORDER_MARKS if head.startswith(bom)), b"")
    encoding = _BYTE_ORDER_MARKS.get(mark, "utf-8")
    if encoding != "utf-16" and b"\0" in head:
        raise ValuescopeError(
            f"{path} is not a survey file: neither text (CSV), Parquet, SPSS, Stata nor Excel. "
            "Load one of these editions of the survey."
        )
    if encoding != "utf-16" and is_utf8:
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
            shutil.copyfileobj(source, target, _BLOCK_BYTES)
    except UnicodeError as error:
        raise ValuescopeError(
            f"{path} is not readable as {encoding} text, which its first bytes announce: {error}. "
            "It is damaged or was cut off; download or export it again."
        ) from error
    return copy, (f"The file is not UTF-8; it was read as {encoding}.",)


def _decodes(file: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True
