"""The first and the last of many rows, and a line between them."""

from typing import Literal

import altair as alt

from valuescope.reports.charts.palette import GREY


def both_ends(
    rows: alt.Chart, column: str, order: Literal["ascending", "descending"], count: int
) -> alt.Chart:
    """Draw the `count` first and the `count` last rows by a column; all where there are no more.

    Adds `rank`, from 1, and `row_count`, how many rows there are.
    """
    ranked = rows.transform_window(
        rank="row_number()", sort=[alt.SortField(column, order=order)]
    ).transform_joinaggregate(row_count="count()")
    shown: alt.Chart = ranked.transform_filter(
        f"datum.rank <= {count} || datum.rank > datum.row_count - {count}"
    )
    return shown


def line_between(shown: alt.Chart, y: alt.Y, count: int, row_height: int) -> alt.Chart:
    """Draw a line above the last rows of `both_ends`, where some between them are not shown."""
    first_of_last = shown.transform_filter(
        f"datum.row_count > {2 * count} && datum.rank == datum.row_count - {count} + 1"
    ).mark_rule(color=GREY, strokeDash=[1, 3], yOffset=-row_height / 2)
    line: alt.Chart = first_of_last.encode(x=alt.value(0), x2=alt.value("width"), y=y)
    return line
