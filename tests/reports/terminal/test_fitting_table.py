import io

import pytest
from rich.console import Console

from valuescope.reports.terminal.fitting_table import FittingTable

SHA = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def shown(table: FittingTable, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture
def table() -> FittingTable:
    table = FittingTable(title="Countries")
    table.add_column("country")
    table.add_column("model", overflow="fold")
    table.add_column("r", justify="right")
    table.add_row("Trinidad and Tobago", "smollm2-135m-instruct", "0.22")
    table.add_row("Japan", "gemma-3-270m")
    return table


def test_a_table_that_fits_is_a_table(table: FittingTable) -> None:
    assert "│ Japan               │ gemma-3-270m          │      │" in shown(table, 60)


def test_spaces_are_where_a_table_may_be_broken(table: FittingTable) -> None:
    lines = shown(table, 45)
    assert "│ Trinidad   │ smollm2-135m-instruct │ 0.22 │" in lines
    assert max(map(len, lines)) <= 45


def test_a_table_whose_words_would_break_is_shown_as_records(table: FittingTable) -> None:
    assert shown(table, 40) == [
        "Countries",
        "country  Trinidad and Tobago",
        "model    smollm2-135m-instruct",
        "r        0.22",
        "",
        "country  Japan",
        "model    gemma-3-270m",
        "r",
        "",
    ]


def test_a_value_that_is_longer_than_the_line_is_kept_whole() -> None:
    table = FittingTable("id", "name")
    table.add_row(SHA, "x")
    lines = shown(table, 30)
    assert max(map(len, lines)) <= 30
    assert "".join(line.removeprefix("id").strip() for line in lines[:-2]) == SHA


def test_headings_that_are_longer_than_half_the_line_are_kept_whole() -> None:
    table = FittingTable("common_baselines_null_reason", "model_id")
    table.add_row("too_few_questions", SHA)
    lines = shown(table, 40)
    assert lines[0].startswith("common_baselines_null_reason")
    assert max(map(len, lines)) <= 40
    assert SHA in "".join(lines).replace(" ", "")


def test_a_column_without_a_heading_names_the_record() -> None:
    table = FittingTable("", "95% interval of the blind baseline")
    table.add_row("United States of America", "-0.10 to 0.52")
    assert shown(table, 20)[0] == "United States of"
    assert "95% interval" not in shown(table, 20)[0]


def test_a_table_without_rows_keeps_its_headings() -> None:
    assert any("country" in line for line in shown(FittingTable("country", "model"), 30))


def test_a_caption_stands_below_the_records() -> None:
    table = FittingTable("a", caption="from -1 to 1")
    table.add_row("x" * 50)
    assert shown(table, 20)[-1] == "from -1 to 1"
