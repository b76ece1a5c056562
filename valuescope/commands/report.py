"""`valuescope report`."""

from pathlib import Path

import click
from rich.console import Group, RenderableType
from rich.text import Text

from valuescope.console import out, say
from valuescope.reports.files.report import FOLDER, FORMATS, PAGE, Report, make_report
from valuescope.reports.terminal.summary_tables import (
    agreement_table,
    best_and_worst,
    design_heading,
    exhibit_table,
)
from valuescope.warehouse.counted import counted
from valuescope.warehouse.home import current_home

_EVERYTHING = 10_000
_ROOM_FOR_PLOTS = 100


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
    type=click.Choice(FORMATS),
    help="A page, a document, or a folder of figures or tables, instead of the terminal's summary.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help=f"The file or folder to write (default: {PAGE}, {FOLDER}/, or stdout for documents).",
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

    Without --format, a sentence on each model, the one with the highest r first, and its best and
    worst countries, continents, categories and questions. `--format html` writes one page with
    every figure, which opens anywhere and needs no network; `svg`, `png` and `csv` write a file for
    each figure or table. `methods` is the methods section of a paper with a registration form; it
    marks what only you can fill in.

    r is Pearson's correlation between the model's and the people's mean scores; `blind` is the
    same for a predictor that gives every country the mean of all others. Categories are ranked
    by how far rho0, which does not depend on how questions are coded, is beyond random answers.
    """
    report = make_report(
        current_home(),
        model=model,
        prompt=prompt_id,
        compare=compare,
        format_name=form,
        output=output,
        overwrite=overwrite,
        country=country_id,
        question=question_id,
    )
    if report.document is not None:
        click.echo(report.document, nl=False)
    elif form is None:
        out().print(_summary(report, _EVERYTHING if everything else top))
    elif form == "html":
        say(f"Wrote {report.files[0]}: open it in a browser.")
    elif len(report.files) == 1:
        say(f"Wrote {report.files[0]}.")
    else:
        say(f"Wrote {counted(len(report.files), 'file')} to {output or FOLDER}.")


def _summary(report: Report, rows: int) -> RenderableType:
    parts: list[RenderableType] = []
    # A pipe gets the numbers alone, and so does a terminal without room.
    is_plotted = out().is_terminal and out().width >= _ROOM_FOR_PLOTS
    for summary in report.summaries:
        parts += [
            design_heading(summary.design),
            *([Text(f"{summary.finding}\n")] if summary.finding else []),
            *(exhibit_table(exhibit, found, rows) for exhibit, found in summary.comparisons),
            best_and_worst("Countries", summary.countries, rows, is_plotted),
            agreement_table("Continents (mean of r)", summary.continents, is_plotted=is_plotted),
            agreement_table(
                "Categories (those of fewer than 10 questions last, not ranked)",
                summary.categories,
                statistic="rho0",
                is_plotted=is_plotted,
            ),
            best_and_worst("Questions (r across countries)", summary.questions, rows, is_plotted),
            Text(""),
        ]
    return Group(*parts, Text(report.caveats, style="dim"))
