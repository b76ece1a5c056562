"""The page in a browser: what it shows is what the warehouse says, and everybody can use it."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.dbt_project.agreement_study import AgreementStudy
from tests.reports.page.browsing import DESKTOP, PHONE, Opened, opened
from valuescope.reports.exhibits.catalogue import EXHIBITS
from valuescope.reports.exhibits.exhibit import Exhibit, Selector
from valuescope.reports.exhibits.finding import findings
from valuescope.reports.files.number_format import number
from valuescope.reports.page.cells import MEAN_SCORE_UNITS, SHARE_UNITS
from valuescope.reports.page.page import Origin, html
from valuescope.reports.terminal.summary import designs

# A question's cells are kept coarser than what follows a model alone.
OF_CELLS = {Selector.COUNTRY, Selector.QUESTION}
HALF_A_UNIT = 0.5 / MEAN_SCORE_UNITS + 1e-9
HALF_A_PERCENT = 0.5 / SHARE_UNITS + 1e-9
FIVE_DIGITS = 1e-4


def test_it_opens_from_a_disk_with_the_network_off_and_asks_for_nothing(desktop: Opened) -> None:
    assert desktop.problems == []
    assert len(desktop.requests) == 1


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.exhibit_id)
def test_the_query_of_an_exhibit_gives_its_numbers(
    exhibit: Exhibit, chosen: Opened, warehouse: duckdb.DuckDBPyConnection
) -> None:
    article = chosen.page.locator(f"#{exhibit.exhibit_id}")
    query = article.locator("details.query code").text_content()
    assert query is not None
    relation = warehouse.sql(query)
    expected = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    if not article.locator("details.query").is_visible():
        assert all(exhibit.draws and row[exhibit.draws] is None for row in expected)
        said = article.locator(".empty").inner_text()
        assert said.startswith(exhibit.title)
        assert "No data" in said
        assert exhibit.needs in article.inner_text()
        return
    shown = _saved(chosen, exhibit)
    for name in expected[0]:
        for row, wanted in zip(shown, expected, strict=True):
            _assert_same(row[name], wanted[name], _tolerance(exhibit, name))


def test_the_first_screen_says_what_was_found(
    desktop: Opened, warehouse: duckdb.DuckDBPyConnection
) -> None:
    found = findings(warehouse, designs(warehouse))
    shown = desktop.page.locator(".findings li")
    assert shown.all_text_contents() == [f"{one.name}: {one.sentence}" for one in found]
    first = shown.first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] < DESKTOP[1]
    assert "chosen" in (shown.first.get_attribute("class") or "")
    r, blind = (
        f"{number(row[0], 2)} [{number(row[1], 2)}, {number(row[2], 2)}]".replace("-", "\u2212")
        for row in _summary(warehouse, found[0].design.parameters)
    )
    cards = desktop.page.locator("#key_figures .cards > div")
    assert [r in cards.nth(0).inner_text(), blind in cards.nth(1).inner_text()] == [True, True]
    desktop.page.locator(".findings a").nth(1).click()
    desktop.settle()
    assert "chosen" in (shown.nth(1).get_attribute("class") or "")
    assert desktop.problems == []


def test_it_opens_on_the_country_and_question_with_the_largest_gap(
    desktop: Opened, warehouse: duckdb.DuckDBPyConnection
) -> None:
    design = findings(warehouse, designs(warehouse))[0].design
    for name in ("country", "question"):
        rows = warehouse.execute(
            f"""
            select {name}_id, count(*) as cells, avg(absolute_error) as gap
            from marts.fct_mean_scores
            where model_id = $model_id and prompt_id = $prompt_id
                and population_id = $population_id and absolute_error is not null
            group by {name}_id
            qualify cells >= 0.9 * max(cells) over ()
            order by gap desc
            """,
            {key: design.parameters[key] for key in ("model_id", "prompt_id", "population_id")},
        ).fetchall()
        address = desktop.page.evaluate("new URLSearchParams(location.hash.slice(1)).toString()")
        assert f"{name}={rows[0][0]}" in address.split("&")


def test_choosing_changes_what_is_told_and_shown(
    desktop: Opened, warehouse: duckdb.DuckDBPyConnection
) -> None:
    before = desktop.table("country_agreement")
    labels = desktop.page.locator("#choose-design option").all_text_contents()
    found = designs(warehouse)
    assert len(labels) == len(found)
    shown = findings(warehouse, found)[0].design.model_id
    place = next(n for n, design in enumerate(found) if design.model_id != shown)
    desktop.choose("design", labels[place])
    desktop.settle()
    assert desktop.table("country_agreement") != before
    assert labels[place] in (desktop.page.locator("#countries .showing").text_content() or "")
    assert desktop.problems == []


def test_an_address_brings_back_what_was_chosen(
    desktop: Opened, browser: Browser, page_file: Path
) -> None:
    desktop.choose("country", "Japan")
    desktop.choose("question", desktop.page.locator("#choose-question option").nth(3).inner_text())
    address = desktop.page.evaluate("location.hash")
    again = opened(browser, page_file, address)
    selected = "[...document.querySelectorAll('select')].map(one => one.selectedOptions[0].text)"
    assert again.page.evaluate(selected) == desktop.page.evaluate(selected)
    assert "Japan" in again.page.evaluate(selected)
    again.page.context.close()


def test_a_category_leaves_its_own_questions_to_choose_from(
    desktop: Opened, warehouse: duckdb.DuckDBPyConnection
) -> None:
    name = desktop.page.locator("#choose-category option").nth(1).inner_text()
    desktop.choose("category", name)
    assert desktop.page.locator("#choose-question optgroup").evaluate_all(
        "groups => groups.map(group => group.label)"
    ) == [name]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_fault(
    browser: Browser, page_file: Path, size: tuple[int, int], dark: bool
) -> None:
    shown = opened(browser, page_file, size=size, dark=dark)
    shown.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    results = Axe().run(shown.page)
    assert results.violations_count == 0, results.generate_report()
    shown.page.context.close()


def test_on_a_phone_nothing_sticks_out(browser: Browser, page_file: Path) -> None:
    shown = opened(browser, page_file, size=PHONE)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    wide = shown.page.evaluate(
        "[...document.querySelectorAll('.chart svg')]"
        ".filter(one => one.getBoundingClientRect().right > innerWidth).length"
    )
    assert wide == 0
    shown.page.context.close()


def test_names_are_shown_as_they_are_and_nothing_in_them_runs(
    browser: Browser, agreement: AgreementStudy, tmp_path: Path
) -> None:
    hostile = (
        "<img src=x onerror=\"document.title='run'\">'\"&amp;</script><script>alert(1)</script>"
    )
    foreign = "نموذج 🦙 $model_id {{ 1 + 1 }}"
    database = tmp_path / "warehouse.duckdb"
    database.write_bytes(agreement.home.database.read_bytes())
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "update marts.dim_models set model_name = ? || model_name, display_name = ?",
            [hostile, foreign],
        )
        connection.execute(
            "update marts.dim_questions set short_label = ?, wording = ?", [hostile, foreign]
        )
        connection.execute(
            "update marts.dim_countries set country_name = country_name || ?", [hostile]
        )
        page = html(connection, designs(connection), Origin("<b>1</b>", {}))
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    shown = opened(browser, file)
    assert shown.problems == []
    assert shown.page.title() == "Models and what people said: a valuescope report"
    assert hostile in shown.page.locator("#choose-design option").first.inner_text()
    assert any(hostile in cell for row in shown.table("country_agreement") for cell in row)
    assert shown.page.locator("img").count() == 0
    shown.page.context.close()


@pytest.fixture(scope="module")
def chosen(browser: Browser, page_file: Path) -> "Opened":
    """The page after somebody chose another model, country, category and question."""
    shown = opened(browser, page_file)
    designs_to_choose = shown.page.locator("#choose-design option").all_text_contents()
    shown.choose("design", designs_to_choose[1])
    shown.choose("country", "Germany")
    shown.choose("category", shown.page.locator("#choose-category option").nth(2).inner_text())
    shown.choose("question", shown.page.locator("#choose-question option").last.inner_text())
    shown.settle()
    return shown


def _summary(
    connection: duckdb.DuckDBPyConnection, parameters: dict[str, str | None]
) -> list[tuple[float, ...]]:
    """r and r above blind, each with its interval."""
    ((*six,),) = connection.execute(
        """
        select mean_pearson_r, ci_low, ci_high,
            mean_r_above_blind, r_above_blind_ci_low, r_above_blind_ci_high
        from marts.agg_model_summary
        where model_id = ? and prompt_id = ? and population_id is not distinct from ?
        """,
        [parameters[name] for name in ("model_id", "prompt_id", "population_id")],
    ).fetchall()
    return [tuple(six[:3]), tuple(six[3:])]


def _saved(shown: Opened, exhibit: Exhibit) -> list[dict[str, str]]:
    article = shown.page.locator(f"#{exhibit.exhibit_id}")
    for closed in article.locator("details.query:not([open]) > summary").all():
        closed.click()
    with shown.page.expect_download() as download:
        article.locator("button.save").click()
    return list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8"))))


def _tolerance(exhibit: Exhibit, column: str) -> float:
    if not exhibit.selectors & OF_CELLS:
        return FIVE_DIGITS
    if exhibit.selectors == {Selector.DESIGN, Selector.COUNTRY}:
        return FIVE_DIGITS
    if column in ("human_share", "llm_probability"):
        return HALF_A_PERCENT
    if column == "signed_error":
        # Both sides are rounded.
        return 2 * HALF_A_UNIT
    return HALF_A_UNIT


def _assert_same(shown: str, wanted: object, tolerance: float) -> None:
    if wanted is None:
        assert shown == ""
    elif isinstance(wanted, bool):
        assert shown == str(wanted).lower()
    elif isinstance(wanted, int | float | Decimal):
        assert float(shown) == pytest.approx(float(wanted), rel=tolerance, abs=tolerance)
    else:
        assert shown == str(wanted)
