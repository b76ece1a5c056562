"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from valuescope.scorer.planning.design import ASKED_HERE
from valuescope.scorer.planning.templates import load_templates
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS
from valuescope.warehouse.landing_zone.stores import LANDING_VARIABLE


def comma_separated(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """Split `a,b , c` into its parts; None stays None."""
    if value is None:
        return None
    parts = tuple(part.strip() for part in value.split(",") if part.strip())
    if not parts:
        raise click.BadParameter("the list is empty.")
    return parts


survey_option = click.option(
    "--survey",
    "survey_id",
    metavar="NAME",
    help="The survey whose questions are meant: wvs, evs, or one that `ingest` brought "
    "(docs/own-surveys.md). [default: the loaded one; wvs where several or none are]",
)


store_argument = click.argument("address", envvar=LANDING_VARIABLE)


pre_tokenizer_option = click.option(
    "--pre-tokenizer",
    metavar="NAME",
    help="How the model's tokenizer splits text, by llama.cpp's name (llama-bpe, phi-2, ..), "
    "for a file that does not say it.",
)


orders_option = click.option(
    "--orders",
    callback=comma_separated,
    default="forward",
    show_default=True,
    metavar="LIST",
    help="Orders of the choices, each a design of its own: forward, reverse, rotate_N, or cyclic "
    "for every rotation.",
)


elicit_option = click.option(
    "--elicit",
    type=click.Choice(ASKED_HERE),
    default="likelihood",
    show_default=True,
    help="likelihood: of every answer; sampled: answers drawn under a grammar of the choices; "
    "verbalised: the percentages of people that a model names (docs/elicitation.md).",
)


def given_options(context: click.Context) -> dict[str, Any]:
    """Return the values of the options that were given, by the options' names."""
    return {
        option.opts[0].lstrip("-").replace("-", "_"): context.params[option.name]
        for option in context.command.params
        if option.name is not None
        and context.get_parameter_source(option.name) is not ParameterSource.DEFAULT
    }


def asked_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the options that say which questions are asked about which countries."""
    for option in reversed(
        (
            survey_option,
            click.option(
                "--countries",
                callback=comma_separated,
                metavar="LIST",
                help="ISO3 codes or names, comma-separated, or `loaded`: those of the loaded "
                "survey. [default: loaded; without a survey the 66 of wave 7]",
            ),
            click.option(
                "--questions",
                callback=comma_separated,
                metavar="LIST",
                help="Question ids, comma-separated: Q1,Q46, or `loaded`: those that the loaded "
                "survey has answers of. [default: loaded; without a survey all of --survey]",
            ),
            click.option(
                "--categories",
                callback=comma_separated,
                metavar="LIST",
                help="Category ids, comma-separated; together with --questions, both are asked.",
            ),
        )
    ):
        function = option(function)
    return function


def subject_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the options that say who is asked about beside countries as a whole."""
    for option in reversed(
        (
            click.option(
                "--by",
                "by",
                multiple=True,
                metavar="TRAITS",
                help="Also ask about groups of each country's people, divided by traits as in "
                "`ingest --by`: sex, age, education, urban, or several crossed, such as sex,age; "
                "or about all of them in each year of year=1995,2018, to compare the model's "
                "change with people's (docs/scoring.md). Repeatable.",
            ),
            click.option(
                "--placebos",
                type=click.IntRange(min=0),
                default=0,
                metavar="N",
                help="Also ask about N invented countries, which shows how far any name moves "
                "answers (docs/numbers.md).",
            ),
        )
    ):
        function = option(function)
    return function


def design_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the options that make up a prompt design."""
    for option in reversed(
        (
            click.option(
                "--answer",
                "answer_style",
                type=click.Choice(["label", "label_text", "text"]),
                default="label_text",
                show_default=True,
                help="What the model answers with: `A`, `A) Very important` or `Very important`.",
            ),
            click.option(
                "--coding",
                "coding_id",
                default="native",
                show_default=True,
                help="native: the survey's own options; paper: odd scales with a middle.",
            ),
            click.option(
                "--template",
                "template_id",
                default="paper",
                show_default=True,
                help=f"The text around a question: {', '.join(load_templates())}, or one of the "
                "wording set's own.",
            ),
            click.option(
                "--wordings",
                "wording_set",
                default=OUR_WORDINGS.name,
                show_default=True,
                metavar="NAME",
                help="The wordings of the questions: ours, or a translation or rewording of your "
                "own (docs/wordings.md).",
            ),
            click.option(
                "--chat",
                "chat_mode",
                type=click.Choice(["template", "raw"]),
                default="template",
                show_default=True,
                help="Ask chat models through their own chat template, or as plain text. Base "
                "models are always asked in plain text.",
            ),
        )
    ):
        function = option(function)
    return function
