"""The main results as terminal tables."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from valuescope.reports.exhibits.exhibit import Exhibit, Row
from valuescope.reports.exhibits.reasons import in_words, people_in_words
from valuescope.reports.terminal.agreement import Agreement
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.reports.terminal.nearest_countries import CountryScore
from valuescope.reports.terminal.number_line import HEADING, LEGEND, Strip
from valuescope.reports.terminal.summary import Design
from valuescope.warehouse.counted import counted


def design_heading(design: Design) -> Text:
    """Return the model, what it was asked and its mean r beside that of the blind baseline."""
    heading = Text(design.model_name, style="bold")
    heading.append(f"  prompt {design.prompt_id}\n", style="dim")
    heading.append(f"{design.prompt_description}; against {_people(design)}\n")
    if design.choice_order == "averaged":
        heading.append("averaged over choice orders (--prompt shows each)\n")
    else:
        heading.append(f"choice order {design.choice_order} only: order not controlled\n")
    if design.mean_pearson_r is None:
        heading.append("no country has an r")
    else:
        heading.append(
            f"mean r {_number(design.mean_pearson_r)} over {design.compared_country_count} of "
            f"{counted(design.country_count, 'country')}; {_blind(design)}"
        )
    return heading


def _blind(design: Design) -> str:
    """Say what the predictor that knows nothing about a country reaches."""
    if design.mean_blind_baseline_r is None:
        return "no country has a blind baseline"
    is_of_all = design.blind_country_count == design.compared_country_count
    where = "on the same cells" if is_of_all else f"in {design.blind_country_count} of them"
    return (
        "knowing nothing about a country (blind) gives "
        f"{_number(design.mean_blind_baseline_r)} {where}"
    )


def best_and_worst(
    title: str, rows: Sequence[Agreement], shown: int, is_plotted: bool = False
) -> RenderableType:
    """Return a table of the `shown` best and worst rows; rows without r are counted by reason."""
    ranked = [row for row in rows if row.r is not None]
    if len(ranked) > 2 * shown:
        skipped = len(ranked) - 2 * shown
        few = [*ranked[:shown], *ranked[-shown:]]
        table = agreement_table(title, few, gap_after=shown, is_plotted=is_plotted)
        note = f"{skipped} between them are not shown (--all shows them)"
    else:
        table, note = agreement_table(title, ranked, is_plotted=is_plotted), ""
    reasons: dict[str, int] = {}
    for row in rows:
        if row.r is None:
            reasons[row.reason or "unknown"] = reasons.get(row.reason or "unknown", 0) + 1
    missing = ", ".join(
        f"{in_words(reason)} ({count})" for reason, count in sorted(reasons.items())
    )
    notes = [note, f"without r: {missing}" if missing else ""]
    return Group(table, *(Text(f"  {note}", style="dim") for note in notes if note))


def agreement_table(
    title: str,
    rows: Sequence[Agreement],
    gap_after: int | None = None,
    statistic: str = "r",
    is_plotted: bool = False,
) -> FittingTable:
    """Return one row per unit: r, its interval, its rank's, the blind baseline, the cell count.

    What no row has is left out. `is_plotted` adds a plot between -1 and 1, for terminals with
    room.
    """
    has_blind = any(row.blind_r is not None for row in rows)
    has_interval = any(row.low is not None for row in rows)
    has_ranks = any(row.rank_low is not None for row in rows)
    table = FittingTable(title=title, title_justify="left", title_style="bold", header_style="bold")
    table.add_column("")
    table.add_column(statistic, justify="right")
    if has_interval:
        table.add_column("95% interval", justify="right")
    if has_ranks:
        table.add_column("rank", justify="right")
    if has_blind:
        table.add_column("blind", justify="right")
    table.add_column("n", justify="right")
    captions = []
    if is_plotted:
        table.add_column(HEADING, no_wrap=True)
        captions.append(LEGEND)
    reliability = next((row.reliability for row in rows if row.reliability is not None), None)
    if reliability is not None:
        captions.append(f"ranks: reliability {_number(reliability)} (0 chance, 1 certain)")
    table.caption, table.caption_justify = "\n".join(captions) or None, "right"
    for position, row in enumerate(rows, start=1):
        missing_r = f"none: {in_words(row.reason or 'unknown')}"
        cells = [row.name, missing_r if row.r is None else _number(row.r)]
        if has_interval:
            cells.append(
                f"{_number(row.low)} to {_number(row.high)}" if row.low is not None else ""
            )
        if has_ranks:
            cells.append(f"{row.rank_low} to {row.rank_high}" if row.rank_low is not None else "")
        if has_blind:
            cells.append(_number(row.blind_r))
        cells.append(str(row.count))
        if is_plotted:
            cells.append(str(Strip(row.r, row.low, row.high, row.blind_r)))
        table.add_row(*cells, end_section=position == gap_after)
    return table


def exhibit_table(exhibit: Exhibit, rows: Sequence[Row], shown: int) -> FittingTable:
    """Return an exhibit's table: its first and last `shown` rows, without empty columns."""
    few = list(rows) if len(rows) <= 2 * shown else [*rows[:shown], *rows[-shown:]]
    table = FittingTable(
        title=exhibit.title, title_justify="left", title_style="bold", header_style="bold"
    )
    columns = [
        column for column in exhibit.columns if any(row[column.name] is not None for row in few)
    ]
    for column in columns:
        is_text = any(isinstance(row[column.name], str) for row in few)
        table.add_column(column.heading, justify="left" if is_text else "right")
    for position, row in enumerate(few, start=1):
        cells = (column.text(row) for column in columns)
        table.add_row(*cells, end_section=position == shown < len(few))
    return table


def nearest_and_farthest(title: str, rows: Sequence[CountryScore], shown: int) -> FittingTable:
    """Return the `shown` countries where model and people are nearest, then the farthest."""
    caption = f"mean scores from -1 ({rows[0].first_choice}) to 1 ({rows[0].last_choice})"
    table = FittingTable(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        caption=caption,
        caption_justify="left",
    )
    table.add_column("")
    for column in ("model", "people", "apart"):
        table.add_column(column, justify="right")
    few = list(rows) if len(rows) <= 2 * shown else [*rows[:shown], *rows[-shown:]]
    for position, row in enumerate(few, start=1):
        table.add_row(
            row.country_name,
            _number(row.llm_mean_score),
            _number(row.human_mean_score),
            _number(row.absolute_error),
            end_section=position == shown < len(few),
        )
    return table


def _people(design: Design) -> str:
    return "no survey" if design.population_id is None else people_in_words(design.population_id)


def _number(value: float | None) -> str:
    """Format two decimals: 0.83, -0.12; nothing for None."""
    return "" if value is None else f"{value:.2f}"
