"""`valuescope questions`."""

import sys
from typing import Any

import click

from valuescope.console import say
from valuescope.options import (
    asked_options,
    design_options,
    elicit_option,
    given_options,
    orders_option,
    subject_options,
)
from valuescope.scorer.brought.questions import FORMATS, asked_questions, write_cells
from valuescope.warehouse.counted import counted
from valuescope.warehouse.home import current_home


@click.command(name="questions")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default="csv",
    show_default=True,
    help="csv: a row for each choice of each prompt. jsonl: a line for each prompt.",
)
@asked_options
@subject_options
@orders_option
@design_options
@elicit_option
@click.pass_context
def command(context: click.Context, /, format_name: str, **_options: Any) -> None:
    """Write exactly what is to be asked: prompts, choices and their ids.

    For asking with another tool, or an API. `valuescope land FILE` takes what comes back
    (docs/bring-answers.md); it knows a prompt by question, country, order and design, or by the id
    that names all four, and sees by its hash that a text was changed.
    """
    given = given_options(context)
    given.pop("format", None)
    cells, notice = asked_questions(current_home(), **given)
    if notice is not None:
        say(notice)
    count = write_cells(cells, format_name, sys.stdout)
    say(f"{counted(count, 'prompt')}. Next, with what models answer: valuescope land FILE")
