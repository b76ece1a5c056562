import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from valuescope.reports.exhibits.exhibit import Column, Exhibit, Row, Section
from valuescope.reports.terminal.agreement import Agreement
from valuescope.reports.terminal.nearest_countries import CountryScore
from valuescope.reports.terminal.summary import Design
from valuescope.reports.terminal.summary_tables import (
    agreement_table,
    best_and_worst,
    design_heading,
    exhibit_table,
    nearest_and_farthest,
)


def shown(renderable: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=120)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def rows(count: int) -> list[Agreement]:
    return [
        Agreement(f"C{n}", f"Country {n}", 1 - n / count, 0.5, 10, None)
        for n in range(1, count + 1)
    ]


def test_the_blind_baseline_stands_beside_the_mean_r(design: Design) -> None:
    text = shown(design_heading(design))
    assert "small" in text
    assert "against wvs" in text
    assert "mean r 0.40 over 2 of 3 countries" in text
    assert "(blind) gives 0.85" in text


def test_one_choice_order_is_marked_as_not_controlled(design: Design) -> None:
    assert "order not controlled" in shown(design_heading(design))
    averaged = replace(design, choice_order="averaged")
    assert "order not controlled" not in shown(design_heading(averaged))


def test_a_heading_without_any_comparison_says_so(design: Design) -> None:
    blind = replace(design, mean_blind_baseline_r=None)
    assert "2 of 3 countries; no country has a blind baseline" in shown(design_heading(blind))
    alone = replace(blind, mean_pearson_r=None)
    assert "no country has an r" in shown(design_heading(alone))


def test_a_blind_baseline_of_fewer_countries_says_of_how_many(design: Design) -> None:
    assert "gives 0.85 on the same cells" in shown(design_heading(design))
    fewer = replace(design, blind_country_count=1)
    assert "gives 0.85 in 1 of them" in shown(design_heading(fewer))


def test_the_best_and_the_worst_are_shown_and_the_rest_counted() -> None:
    text = shown(best_and_worst("Countries", rows(9), 2))
    for name in ("Country 1", "Country 2", "Country 8", "Country 9"):
        assert name in text
    assert "Country 5" not in text
    assert "5 between them are not shown" in text


def test_few_rows_are_all_shown_once() -> None:
    text = shown(best_and_worst("Countries", rows(4), 2))
    assert [text.count(f"Country {n}") for n in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert "not shown" not in text


def test_rows_without_r_are_counted_with_their_reasons() -> None:
    missing = [
        Agreement("A", "Andorra", None, None, 2, "too_few_questions"),
        Agreement("B", "Benin", None, None, 0, "no_variance"),
        Agreement("C", "Chad", None, None, 1, "too_few_questions"),
    ]
    text = shown(best_and_worst("Countries", [*rows(2), *missing], 5))
    assert "without r: no variance (1), too few questions (2)" in text
    assert "Andorra" not in text


def test_a_table_of_all_rows_gives_the_reason_in_place_of_r() -> None:
    text = shown(
        agreement_table("Continents", [Agreement("A", "Africa", None, None, 0, "no_country_r")])
    )
    assert "none: no country has an r" in text


@pytest.mark.parametrize(
    ("row", "present", "absent"),
    [
        (Agreement("A", "Africa", 0.5, 0.25, 9, None, 0.375, 0.625), ("blind", "interval"), ()),
        (Agreement("A", "Africa", 0.5, 0.25, 9, None), ("blind",), ("interval",)),
        (Agreement("A", "Africa", 0.5, None, 9, None), (), ("blind", "interval")),
    ],
)
def test_a_column_that_nothing_fills_is_left_out(
    row: Agreement, present: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    text = shown(agreement_table("Continents", [row]))
    assert "0.50" in text
    assert all(word in text for word in present)
    assert not any(word in text for word in absent)


def test_ranks_come_with_their_intervals_and_the_reliability_of_their_order() -> None:
    row = Agreement("A", "Africa", 0.5, None, 9, None, rank_low=3, rank_high=17, reliability=0.25)
    text = shown(agreement_table("Countries", [row]))
    assert "3 to 17" in text
    assert "ranks: reliability 0.25" in text
    plain = shown(agreement_table("Countries", [Agreement("A", "Africa", 0.5, None, 9, None)]))
    assert "rank" not in plain


def test_nearest_and_farthest_explains_its_scale() -> None:
    scores = [CountryScore(f"Country {n}", 0.5, 0.5 - n / 10, "Very", "Never") for n in range(7)]
    text = shown(nearest_and_farthest("Q1", scores, 2))
    assert "mean scores from -1 (Very) to 1 (Never)" in " ".join(text.split())
    assert "Country 1" in text
    assert "Country 3" not in text
    assert "Country 6" in text


def test_where_there_is_room_a_row_is_plotted() -> None:
    row = Agreement("C1", "Country 1", 0.5, 0.9, 10, None, low=0.25, high=0.75)
    plotted = shown(agreement_table("Countries", [row], is_plotted=True))
    assert "┊┈┈━━━●━━━" in plotted
    assert "━ 95% interval   ┃ blind" in plotted
    assert "●" not in shown(agreement_table("Countries", [row]))


def test_the_table_of_an_exhibit_leaves_out_what_is_empty_and_what_lies_between() -> None:
    columns = (Column("name", "country"), Column("r", "r"), Column("reason", "why null"))
    exhibit = Exhibit("some", Section.COUNTRIES, "Some countries", "Read it so.", columns)
    rows: list[Row] = [{"name": f"Country {n}", "r": n / 8, "reason": None} for n in range(1, 6)]
    text = shown(exhibit_table(exhibit, rows, 2))
    assert [f"Country {n}" in text for n in range(1, 6)] == [True, True, False, True, True]
    assert ".12" in text
    assert "why null" not in text
