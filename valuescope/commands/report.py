"""`valuescope report`."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
import duckdb
from rich.console import Group, RenderableType
from rich.text import Text

from valuescope.console import out, say
from valuescope.output import write_output, write_outputs
from valuescope.reports.exhibits.catalogue import COMPARING, EXHIBITS
from valuescope.reports.exhibits.filled_exhibit import FilledExhibit, filled
from valuescope.reports.files.report_files import (
    as_json,
    as_markdown,
    csv_files,
    png_files,
    svg_files,
)
from valuescope.reports.page.page import Origin, html
from valuescope.reports.terminal.summary import (
    Design,
    category_agreement,
    compared,
    continent_agreement,
    country_agreement,
    designs,
    question_agreement,
)
from valuescope.reports.terminal.summary_tables import (
    agreement_table,
    best_and_worst,
    design_heading,
    exhibit_table,
)
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home, current_home
from valuescope.warehouse.tables.build_record import last_build
from valuescope.warehouse.tables.caveats import CAVEATS
from valuescope.warehouse.version import project_version

_EVERYTHING = 10_000
_ROOM_FOR_PLOTS = 100
_PAGE = Path("report.html")
_FOLDER = Path("report")
_FILES: dict[str, Callable[[Iterable[FilledExhibit]], Iterator[tuple[str, bytes]]]] = {
    "svg": svg_files,
    "png": png_files,
    "csv": csv_files,
}
_DOCUMENTS = {"md": as_markdown, "json": as_json}


@click.command(name="report")
@click.option("--model", metavar="NAME", help="Only this model (name, or the start of its id).")
@click.option("--prompt", "prompt_id", metavar="PROMPT_ID", help="Only this prompt design.")
@click.option(
    "--compare",
    nargs=2,
    metavar="MODEL MODEL",
    help="Two models side by side, in the designs that both were asked.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "json", "svg", "png", "csv"]),
    help="A page, a document, or a folder of figures or tables, instead of the terminal's summary.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help=f"The file or folder to write (default: {_PAGE}, {_FOLDER}/, or stdout for md and json).",
)
@click.option("--overwrite", is_flag=True, help="Replace what exists under that name.")
@click.option("--country", "country_id", metavar="ISO3", help="Also draw this country (files).")
@click.option(
    "--question", "question_id", metavar="QUESTION_ID", help="Also draw this question (files)."
)
@click.option(
    "--top",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many of the best and of the worst the terminal shows.",
)
@click.option("--all", "everything", is_flag=True, help="Show every country and question.")
def command(
    model: str | None,
    prompt_id: str | None,
    compare: tuple[str, str] | None,
    form: str | None,
    output: Path | None,
    overwrite: bool,
    country_id: str | None,
    question_id: str | None,
    top: int,
    everything: bool,
) -> None:
    """Show how close models are to people: in the terminal, as a page, or as files.

    Without --format, the best and worst countries, continents, categories and questions of each
    model. `--format html` writes one page with every figure, which opens anywhere and needs no
    network; `svg`, `png` and `csv` write a file for each figure or table.

    r is Pearson's correlation between the model's and the people's mean scores; `blind` is the
    same for a predictor that gives every country the mean of all others. Categories are ranked
    by rho0, which does not depend on the direction in which questions are coded.
    """
    if compare and model:
        raise click.UsageError("--compare names the models; leave --model out.")
    if output and form is None:
        raise click.UsageError("--output needs --format: html, md, json, svg, png or csv.")
    home = current_home()
    connection = open_for_reading(home)
    try:
        # Sums in one order: the same warehouse gives the same digits, down to the last.
        connection.execute("set threads = 1")
        if compare:
            shown = compared(connection, *compare, prompt_id)
        else:
            shown = designs(connection, model, prompt_id)
        exhibits = (*COMPARING, *EXHIBITS) if compare else EXHIBITS
        if form is None:
            out().print(_summary(connection, shown, _EVERYTHING if everything else top))
        elif form == "html":
            page = html(connection, shown, _origin(home), exhibits)
            write_output(output or _PAGE, page.encode(), overwrite)
            say(f"Wrote {output or _PAGE}: open it in a browser.")
        else:
            chosen = _chosen(connection, country_id, question_id)
            _write(form, filled(connection, exhibits, shown, chosen), output, overwrite)
    finally:
        connection.close()


def _write(form: str, parts: Iterable[FilledExhibit], output: Path | None, overwrite: bool) -> None:
    """Write a document or a folder of files, and say so."""
    if form not in _DOCUMENTS:
        folder = output or _FOLDER
        count = write_outputs(folder, _FILES[form](parts), overwrite)
        say(f"Wrote {count} files to {folder}.")
        return
    document = _DOCUMENTS[form](parts, project_version())
    if output is None:
        click.echo(document, nl=False)
    else:
        write_output(output, document.encode(), overwrite)
        say(f"Wrote {output}.")


def _origin(home: Home) -> Origin:
    built = last_build(home)
    return Origin(project_version(), dict(built.variables) if built else {})


def _chosen(
    connection: duckdb.DuckDBPyConnection, country_id: str | None, question_id: str | None
) -> dict[str, str]:
    """What the options stand for. Raises ValuescopeError for what no model was asked about."""
    chosen = {"category_id": "all"}
    for name, value in (("country_id", country_id), ("question_id", question_id)):
        if value is None:
            continue
        asked = connection.execute(f"select distinct {name} from marts.fct_mean_scores").fetchall()
        ids = {str(row[0]).upper(): str(row[0]) for row in asked}
        if value.upper() not in ids:
            what, _ = name.split("_")
            raise ValuescopeError(
                f"No model was asked about {what} {value}. Asked about are: `valuescope sql "
                f'"select distinct {name} from fct_mean_scores"`.'
            )
        chosen[name] = ids[value.upper()]
    return chosen


def _summary(
    connection: duckdb.DuckDBPyConnection, shown: Iterable[Design], rows: int
) -> RenderableType:
    parts: list[RenderableType] = []
    # A pipe gets the numbers alone, and so does a terminal without room.
    is_plotted = out().is_terminal and out().width >= _ROOM_FOR_PLOTS
    for design in shown:
        parts.append(design_heading(design))
        if design.compared_with:
            parts += [
                exhibit_table(exhibit, exhibit.rows(connection, design.parameters), rows)
                for exhibit in COMPARING
            ]
        parts += [
            best_and_worst("Countries", country_agreement(connection, design), rows, is_plotted),
            agreement_table(
                "Continents (mean of r)",
                continent_agreement(connection, design),
                is_plotted=is_plotted,
            ),
            agreement_table(
                "Categories (those of fewer than 10 questions last, not ranked)",
                category_agreement(connection, design),
                statistic="rho0",
                is_plotted=is_plotted,
            ),
            best_and_worst(
                "Questions (r across countries)",
                question_agreement(connection, design),
                rows,
                is_plotted,
            ),
            Text(""),
        ]
    return Group(*parts, Text(CAVEATS, style="dim"))
