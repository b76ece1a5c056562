"""`valuescope report`."""

import io
import re
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.text import Text

from reports.summary import (
    category_agreement,
    continent_agreement,
    country_agreement,
    designs,
    question_agreement,
)
from reports.terminal import CAVEATS, agreement_table, best_and_worst, design_heading
from valuescope.console import out, say
from valuescope.query import write_output
from warehouse.database import open_for_reading
from warehouse.home import current_home

_EVERYTHING = 10_000
# A picture stands alone: it must not fetch fonts when it is opened.
_WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


@click.command(name="report")
@click.option("--model", metavar="NAME", help="Only this model (name, or the start of its id).")
@click.option("--prompt", "prompt_id", metavar="PROMPT_ID", help="Only this prompt design.")
@click.option(
    "--top",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many of the best and of the worst are shown.",
)
@click.option("--all", "everything", is_flag=True, help="Show every country and question.")
@click.option(
    "--svg", type=click.Path(path_type=Path), help="Write the report as an SVG picture as well."
)
def command(
    model: str | None, prompt_id: str | None, top: int, everything: bool, svg: Path | None
) -> None:
    """Show the best and worst countries, continents, categories and questions of each model.

    r is Pearson's correlation between the model's and the people's mean scores; `blind` is the
    same for a predictor that gives every country the mean of all others. Categories are ranked
    by rho0, which does not depend on the direction in which questions are coded.
    """
    connection = open_for_reading(current_home())
    shown = _EVERYTHING if everything else top
    parts: list[RenderableType] = []
    try:
        for design in designs(connection, model, prompt_id):
            parts += [
                design_heading(design),
                best_and_worst("Countries", country_agreement(connection, design), shown),
                agreement_table("Continents (mean of r)", continent_agreement(connection, design)),
                agreement_table(
                    "Categories (those of fewer than 10 questions last, not ranked)",
                    category_agreement(connection, design),
                    statistic="rho0",
                ),
                best_and_worst(
                    "Questions (r across countries)", question_agreement(connection, design), shown
                ),
                Text(""),
            ]
    finally:
        connection.close()
    report = Group(*parts, Text(CAVEATS, style="dim"))
    out().print(report)
    if svg is not None:
        picture = Console(
            record=True, width=100, file=io.StringIO(), highlight=False, markup=False, emoji=False
        )
        picture.print(report)
        drawn = picture.export_svg(title="valuescope report")
        write_output(svg, _WEB_FONT.sub("", drawn).encode())
        say(f"Wrote {svg}")
