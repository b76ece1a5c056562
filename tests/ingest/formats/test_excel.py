import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from valuescope.ingest.formats.excel import open_workbook, write_first_rows
from valuescope.warehouse.errors import ValuescopeError


def rows(file: Path) -> list[list[Any]]:
    return CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()


def write(file: Path, count: int) -> Path:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(["A title"])
    for number in range(count):
        sheet.append([f"answer {number % 7}", *range(30)])
    workbook.save(file)
    return file


def test_the_first_rows_of_a_large_sheet_are_those_of_the_whole(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.xlsx", 1500)
    assert write_first_rows(whole, tmp_path / "beginning.xlsx")
    beginning = rows(tmp_path / "beginning.xlsx")
    assert 100 < len(beginning) < 1500
    assert beginning == rows(whole)[: len(beginning)]


def test_a_small_workbook_has_no_beginning_of_its_own(tmp_path: Path) -> None:
    small = write(tmp_path / "small.xlsx", 10)
    assert not write_first_rows(small, tmp_path / "beginning.xlsx")


def test_cells_are_texts_or_numbers_as_they_are_in_the_sheet(tmp_path: Path) -> None:
    table: list[list[Any]] = [
        ["Q1: Family", "Q2", "Q3", None, "Q4", "Q5"],
        [1, 1, "Yes", "a note", 1.5, None],
        [True, 2, None, None, None, datetime(2022, 5, 1)],
        [None, None, None, "another", None, None],
        ["1", 1, "No", None, False, 0],
        [0, -0.0, "Yes", None, "é", "True"],
    ]
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet["B2"] = "A title"
    for row, cells in enumerate(table, start=4):
        for column, cell in enumerate(cells, start=3):
            sheet.cell(row, column, cell)
    workbook.save(tmp_path / "cells.xlsx")

    source = open_workbook(tmp_path / "cells.xlsx", tmp_path / "cells.xlsx", tmp_path)
    names = [source.name(f"Q{number}") for number in range(1, 6)]
    assert source.encoded is not None
    found = source.encoded(names, names)

    assert found is not None
    assert [column.to_pylist() for column in found.columns] == [
        ["1", "True", "1", "0"],
        ["1", "2", "1", "0"],
        ["Yes", None, "No", "Yes"],
        ["1.5", None, "False", "é"],
        [None, "2022-05-01", "0", "True"],
        ["1", "True", "1", "0"],
        [1.0, 2.0, 1.0, 0.0],
        ["Yes", None, "No", "Yes"],
        ["1.5", None, "False", "é"],
        [None, "2022-05-01", "0", "True"],
    ]


@pytest.mark.parametrize(
    ("far", "columns"),
    [
        ('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', 16384),
        ('<row><c r="xfd1048576"><v>1</v></c></row>', 16384),
        ("<row><c\nr =\n'XFD1048576'><v>1</v></c></row>", 16384),
        ('<row><c r="ABCD1048576"><v>1</v></c></row>', 19010),
        # A cell without an address is in the row that has a number.
        ('<row r="1"><c r="ZZ1"/></row><row r="1048576"><c><v>1</v></c></row>', 702),
    ],
    ids=["as written", "small letters", "spaces", "four letters", "row"],
)
def test_a_single_cell_far_away_does_not_take_all_memory(
    far: str, columns: int, tmp_path: Path
) -> None:
    whole = write(tmp_path / "whole.xlsx", 10)
    path = tmp_path / "far.xlsx"
    with zipfile.ZipFile(whole) as read, zipfile.ZipFile(path, "w") as written:
        for name in read.namelist():
            end = b"</sheetData>"
            written.writestr(name, read.read(name).replace(end, far.encode() + end))

    with pytest.raises(ValuescopeError, match=f"spans 1048576 rows and {columns} columns"):
        open_workbook(path, path, tmp_path)
