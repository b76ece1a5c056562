"""`valuescope questions`."""

import sys

import click

from valuescope.console import say
from valuescope.options import asked_options, design_options, orders_option, subject_options
from valuescope.scorer.brought.questions import FORMATS, asked_cells, write_cells
from valuescope.scorer.planning.chosen_plan import chosen_plan
from valuescope.warehouse.home import current_home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.status.loaded import looking_at


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
def command(
    format_name: str,
    survey_id: str | None,
    countries: tuple[str, ...] | None,
    questions: tuple[str, ...] | None,
    categories: tuple[str, ...] | None,
    by: tuple[str, ...],
    placebos: int,
    orders: tuple[str, ...],
    answer_style: str,
    coding_id: str,
    template_id: str,
    wording_set: str,
    chat_mode: str,
) -> None:
    """Write exactly what is to be asked: prompts, choices and their ids.

    For asking with another tool, or an API. `valuescope land FILE` takes what comes back
    (docs/bring-answers.md); it knows a prompt by question, country, order and design, or by the id
    that names all four, and sees by its hash that a text was changed.
    """
    home = current_home()
    plan, notice = chosen_plan(
        home,
        load_instrument(home),
        survey=survey_id,
        countries=countries,
        questions=questions,
        categories=categories,
        by=by,
        placebos=placebos,
        orders=orders,
        answer=answer_style,
        coding=coding_id,
        template=template_id,
        wordings=wording_set,
        chat=chat_mode,
        loaded=looking_at(home),
    )
    if notice is not None:
        say(notice.replace("Models are asked", "Asked is"))
    count = write_cells(asked_cells(plan), format_name, sys.stdout)
    say(f"{count} prompts. Next, with what models answer: valuescope land FILE")
