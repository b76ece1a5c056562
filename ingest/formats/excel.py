"""Workbooks (Excel, OpenDocument): the edition of a single country, or tables of one's own."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine

from valuescope.ingest.formats.sources import Source, parquet_relation, variable_name
from valuescope.warehouse.errors import ValuescopeError

_DATA_SHEET = "Data"
# A sheet is read as a rectangle: one forgotten cell in its last corner would take 512 GB.
_MOST_CELLS = 30_000_000
_CHUNK = 1 << 22
# Of a large sheet's XML, for a look at its header.
_BEGINNING = 1 << 20
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_ROW_END = re.compile(rb"</(?P<prefix>[A-Za-z]*:?)row>")
_CELL = re.compile(rb"""\br=["']([A-Z]{1,3})(\d{1,7})["']""")
# Beyond column ZZ or row 99,999, as hardly any sheet has. It begins with plain letters, which are
# searched for five times faster; what it finds too much is looked at closely.
_FAR_CELL = re.compile(rb"""r=["'](?:[A-Z]{3}\d|[A-Z]{1,2}\d{6})""")


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
            table = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=True)
    except python_calamine.PasswordError as error:
        raise ValuescopeError(
            f"{path} is protected by a password. Save it without one and load that file."
        ) from error
    # Above the header there may be a title, alone in its row.
    while table and sum(cell != "" for cell in table[0]) < 2:
        del table[0]
    if not table:
        raise ValuescopeError(f"{path} is empty: its sheet {sheet!r} has no table.")
    header, *body = table
    columns = tuple(variable_name(str(_text(cell) or "")) for cell in header)
    named = [position for position, column in enumerate(columns) if column]
    # Below and beside the data there is often formatting, or a forgotten note.
    body = [row for row in body if any(row[position] != "" for position in named)]
    names = tuple(f"column_{index}" for index in range(len(columns)))
    cells = dict(zip(names, zip(*body, strict=True) if body else [()] * len(columns), strict=True))

    def rows(wanted: Iterable[str]) -> str:
        target = work / f"{file.stem}.parquet"
        used = set(wanted)
        chosen = {
            name: _texts(cells[name])
            for name, column in zip(names, columns, strict=True)
            if column in used
        }
        pq.write_table(pa.table(chosen), target)
        return parquet_relation(target)

    def encoded(wanted: Sequence[str], answers: Sequence[str]) -> pa.Table:
        arrays = [_texts(cells[name]).dictionary_encode() for name in wanted]
        arrays += [_answers(cells[name]) for name in answers]
        return pa.Table.from_arrays(arrays, [*wanted, *answers])

    return Source(path, file, file, "excel", columns, names, rows, encoded)


def write_first_rows(file: Path, target: Path) -> bool:
    """Write an Excel workbook with the first rows of its large sheets; return whether it has any.

    A sheet's XML is cut behind its last whole row; nothing is to be read where there is none.
    """
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(target, "w") as beginning:
        texts = [m for m in archive.infolist() if m.filename.endswith((".xml", ".rels"))]
        large = {m for m in texts if _SHEET.fullmatch(m.filename) and m.file_size > _BEGINNING}
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


def _answers(cells: Sequence[object]) -> pa.Array:
    """Return cells as numbers if all of them are, else as a dictionary of texts."""
    # Arrow takes a truth value for a number.
    if all(type(cell) is float for cell in cells):
        return pa.array(cells, pa.float64())
    return _texts(cells).dictionary_encode()


def _texts(cells: Sequence[object]) -> pa.Array:
    try:
        return pa.array(cells, pa.string())
    except pa.ArrowException:
        # Numbers, dates or truth values among them.
        return pa.array([_text(cell) for cell in cells], pa.string())


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
    if not any(_FAR_CELL.search(text) for text in _chunks(archive, name)):
        return 0, 0
    rows = columns = 0
    for text in _chunks(archive, name):
        for letters, number in _CELL.findall(text):
            rows = max(rows, int(number))
            columns = max(columns, _column_number(letters))
    return rows, columns


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield the text of a member in pieces, each with the end of the one before."""
    rest = b""
    with archive.open(name) as member:
        while block := member.read(_CHUNK):
            yield rest + block
            rest = block[-32:]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
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
