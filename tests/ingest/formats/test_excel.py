from pathlib import Path
from typing import Any

import openpyxl
from python_calamine import CalamineWorkbook

from valuescope.ingest.formats.excel import write_first_rows


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
