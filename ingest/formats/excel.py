"""Workbooks (Excel, OpenDocument): the edition of a single country, or tables of one's own."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import python_calamine

from valuescope.ingest.formats.sources import Source, parquet_relation, variable_name
from valuescope.warehouse.errors import ValuescopeError

_DATA_SHEET = "Data"
# A sheet is read as a rectangle: one forgotten cell in its last corner would take 512 GB.
_MOST_CELLS = 30_000_000
_CHUNK = 1 << 18
# Of a sheet's XML that is large, so much is read for a look at its header.
_LARGE = 1 << 20
_BEGINNING = 1 << 18
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_ROW_END = re.compile(rb"</(?P<prefix>[A-Za-z]*:?)row>")
# The address of a cell, or the number of a row.
_ADDRESS = re.compile(rb"""\br\s*=\s*["']([A-Za-z]*)(\d+)["']""")
# One beyond column ZZ or row 99,999, as hardly any sheet has. What it finds too much is looked at
# closely. Arrow's engine searches four times faster than Python's.
_FAR_ADDRESS = r"""r\s*=\s*["'](?:[A-Za-z]{3}|[A-Za-z]{0,2}\d{6})"""


def is_workbook(names: tuple[str, ...]) -> bool:
    """Return whether an archive with these names is a workbook."""
    return not {"xl/workbook.xml", "xl/workbook.bin"}.isdisjoint(names) or {
        "mimetype",
        "content.xml",
    } <= set(names)


def open_workbook(path: Path, file: Path, work: Path) -> Source:
    """Read the sheet `Data`, or the only one. A header `Q1: Family` is the column `Q1`.

    Raises ValuescopeError when there is no such sheet, or it is empty or too large.
    """
    if zipfile.is_zipfile(file):
        _refuse_huge_sheets(path, file)
    try:
        with python_calamine.CalamineWorkbook.from_path(file) as workbook:
            sheet = _choose_sheet(path, workbook.sheet_names)
            header, cells = _read_cells(workbook.get_sheet_by_name(sheet))
    except python_calamine.PasswordError as error:
        raise ValuescopeError(
            f"{path} is protected by a password. Save it without one and load that file."
        ) from error
    if not header:
        raise ValuescopeError(f"{path} is empty: its sheet {sheet!r} has no table.")
    columns = tuple(variable_name(str(_text(cell) or "")) for cell in header)
    # Below and beside the data there is often formatting, or a forgotten note.
    cells = cells.with_values_in([number for number, column in enumerate(columns) if column])
    names = tuple(f"column_{index}" for index in range(len(columns)))
    numbers = {name: number for number, name in enumerate(names)}

    def rows(wanted: Iterable[str]) -> str:
        target = work / f"{file.stem}.parquet"
        used = set(wanted)
        chosen = {
            name: cells.texts(numbers[name])
            for name, column in zip(names, columns, strict=True)
            if column in used
        }
        pq.write_table(pa.table(chosen), target)
        return parquet_relation(target)

    def encoded(wanted: Sequence[str], answers: Sequence[str]) -> pa.Table:
        arrays = [cells.texts(numbers[name]) for name in wanted]
        arrays += [cells.answers(numbers[name]) for name in answers]
        return pa.Table.from_arrays(arrays, [*wanted, *answers])

    return Source(path, file, file, "excel", columns, names, rows, encoded)


def write_first_rows(file: Path, target: Path) -> bool:
    """Write an Excel workbook with the first rows of its large sheets; return whether it has any.

    A sheet's XML is cut behind its last whole row; nothing is to be read where there is none.
    """
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(target, "w") as beginning:
        texts = [m for m in archive.infolist() if m.filename.endswith((".xml", ".rels"))]
        large = {m for m in texts if _SHEET.fullmatch(m.filename) and m.file_size > _LARGE}
        for member in texts if large else ():
            with archive.open(member) as stream:
                text = stream.read(_BEGINNING if member in large else -1)
            if member in large:
                rows = list(_ROW_END.finditer(text))
                if not rows:
                    return False
                prefix = rows[-1]["prefix"]
                text = text[: rows[-1].end()] + b"</%bsheetData></%bworksheet>" % (prefix, prefix)
            beginning.writestr(member.filename, text)
    return bool(large)


class _Numbers(dict[object, int]):
    """The number of each different value, in the order in which they are asked for."""

    def __missing__(self, value: object) -> int:
        self[value] = number = len(self)
        return number


@dataclass(frozen=True)
class _Cells:
    """The cells of a table: their different values, and in each cell the number of its value."""

    values: Sequence[object]
    numbers: npt.NDArray[np.int32]

    def with_values_in(self, columns: Sequence[int]) -> "_Cells":
        """Return the rows that are not blank in all of `columns`."""
        is_filled = np.array([value != "" for value in self.values], np.bool_)
        return _Cells(self.values, self.numbers[is_filled[self.numbers[:, columns]].any(axis=1)])

    def texts(self, column: int) -> pa.DictionaryArray:
        """Return a column as texts, null where it is blank."""
        return _texts(*self._different(column))

    def answers(self, column: int) -> pa.Array:
        """Return a column as numbers if all of its cells are, else as texts."""
        values, positions = self._different(column)
        if all(isinstance(value, float) for value in values):
            return pa.array(np.array(values, np.float64)[positions])
        return _texts(values, positions)

    def _different(self, column: int) -> tuple[Sequence[object], npt.NDArray[np.intp]]:
        """Return the values of a column, and which of them each cell has."""
        numbers, positions = np.unique(self.numbers[:, column], return_inverse=True)
        return [self.values[number] for number in numbers], positions


def _texts(values: Sequence[object], positions: npt.NDArray[np.intp]) -> pa.DictionaryArray:
    texts = [_text(value) for value in values]
    is_blank = np.array([text is None for text in texts], np.bool_)
    return pa.DictionaryArray.from_arrays(
        pa.array(positions.astype(np.int32), mask=is_blank[positions]),
        pa.array([text or "" for text in texts], pa.string()),
    )


def _read_cells(sheet: python_calamine.CalamineSheet) -> tuple[Sequence[object], _Cells]:
    """Return the header of a sheet and the cells below it; the header is empty if there is none.

    Rows are taken one at a time, and of equal cells one is kept.
    """
    rows = islice(sheet.iter_rows(), sheet.start[0] if sheet.start else 0, None)
    # Above the header there may be a title, alone in its row.
    header = next((row for row in rows if sum(cell != "" for cell in row) > 1), [])
    numbers = _Numbers()
    cells = chain.from_iterable(map(_without_truth_values, rows))
    found = np.fromiter(map(numbers.__getitem__, cells), np.int32)
    return header, _Cells(list(numbers), found.reshape(-1, max(len(header), 1)))


def _without_truth_values(row: Sequence[object]) -> Sequence[object]:
    """Return a row with texts for truth values, which Python takes for equal to 0 and 1."""
    if bool not in map(type, row):
        return row
    return [str(cell) if isinstance(cell, bool) else cell for cell in row]


def _refuse_huge_sheets(path: Path, file: Path) -> None:
    """Raise ValuescopeError for a sheet that spans too many cells, before they are allocated."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if _SHEET.fullmatch(name):
                rows, columns = _excel_extent(archive, name)
            elif name == "content.xml":
                rows, columns = _open_document_extent(archive, name)
            else:
                continue
            if rows * columns > _MOST_CELLS:
                raise ValuescopeError(
                    f"{path}: {name} spans {rows} rows and {columns} columns, more than "
                    f"{_MOST_CELLS:,} cells. Delete cells far from the data (one cell is "
                    "enough to span them all), or save the sheet as CSV."
                )


def _excel_extent(archive: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """Return the last row and column of a sheet, 0 if no cell is far out."""
    if not any(map(_has_far_address, _elements(archive, name))):
        return 0, 0
    rows = columns = 0
    for text in _elements(archive, name):
        for letters, number in _ADDRESS.findall(text):
            rows = max(rows, int(number))
            columns = max(columns, _column_number(letters))
    return rows, columns


def _has_far_address(text: bytes) -> bool:
    found = pc.match_substring_regex(pa.array([text], pa.large_binary()), _FAR_ADDRESS)
    return bool(found[0].as_py())


def _elements(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield the text of a member in pieces that end where a tag does."""
    rest = b""
    with archive.open(name) as member:
        while block := member.read(_CHUNK):
            text, end, rest = (rest + block).rpartition(b">")
            yield text + end
    yield rest


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _open_document_extent(archive: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """Return the last row and column that hold something; programs repeat empty ones to the end."""
    rows = columns = most_rows = 0
    with archive.open(name) as member:
        for _, element in ElementTree.iterparse(member):
            tag = element.tag.rpartition("}")[2]
            if tag == "table":
                most_rows, rows = max(most_rows, rows), 0
            elif tag == "table-row":
                width = filled = 0
                for cell in element:
                    width += _repeated(cell, "columns")
                    filled = width if len(cell) else filled
                rows += _repeated(element, "rows") if filled else 1
                columns = max(columns, filled)
                element.clear()
    return most_rows, columns


def _repeated(element: ElementTree.Element, what: str) -> int:
    count = next(
        (n for key, n in element.attrib.items() if key.endswith(f"}}number-{what}-repeated")), "1"
    )
    return int(count)


def _choose_sheet(path: Path, names: list[str]) -> str:
    for name in names:
        if name.strip().casefold() == _DATA_SHEET.casefold():
            return name
    if len(names) == 1:
        return names[0]
    raise ValuescopeError(
        f"{path} has no sheet {_DATA_SHEET!r}, only {', '.join(map(repr, names))}. Rename the "
        f"sheet with the respondents to {_DATA_SHEET!r}."
    )


def _text(cell: object) -> str | None:
    """Return a cell as text; whole numbers have no decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) if cell != "" else None
