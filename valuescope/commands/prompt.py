"""`valuescope prompt`."""

import dataclasses
from dataclasses import replace

import click

from valuescope.console import out
from valuescope.options import design_options, pre_tokenizer_option, survey_option
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.planning.named_designs import chosen_design, landed_design
from valuescope.scorer.process.messages import PromptDescription
from valuescope.scorer.runs.session import described_prompt
from valuescope.warehouse.errors import WrongUsageError
from valuescope.warehouse.home import current_home
from valuescope.warehouse.instruments.seeds import COUNTRY_FREE, DEFAULT_SURVEY, load_instrument
from valuescope.warehouse.instruments.subjects import parse_subject
from valuescope.warehouse.status.loaded import default_survey
from valuescope.warehouse.tables.json_text import json_text


@click.command(name="prompt")
@click.option("--model", "model_name", required=True, metavar="NAME_OR_PATH", help="As in score.")
@click.option("--question", "question_id", required=True, metavar="ID", help="For example Q182.")
@survey_option
@click.option(
    "--country", "country_id", metavar="ISO3", help="[default: the prompt without a country]"
)
@click.option(
    "--group",
    "group_id",
    metavar="GROUP",
    help="A group of the --country's people, such as sex=female,age=30-49, or a year: year=1990.",
)
@click.option("--placebo", "placebo_id", metavar="NAME", help="An invented country instead.")
@click.option(
    "--prompt",
    "prompt_id",
    metavar="PROMPT_ID",
    help="A design that was scored before, instead of the design options.",
)
@click.option(
    "--order",
    "choice_order",
    default="forward",
    show_default=True,
    help="Order of the choices: forward, reverse, or rotate_N, which starts with choice N+1.",
)
@design_options
@pre_tokenizer_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model_name: str,
    question_id: str,
    survey_id: str | None,
    country_id: str | None,
    group_id: str | None,
    placebo_id: str | None,
    prompt_id: str | None,
    choice_order: str,
    answer_style: str,
    coding_id: str,
    template_id: str,
    wording_set: str,
    chat_mode: str,
    pre_tokenizer: str | None,
    as_json: bool,
) -> None:
    """Show exactly what a model is asked, token by token.

    For every choice: the token ids of prompt and answer together, and where the answer starts.
    The log-likelihood of the choice is the sum over the tokens from there on, each given all
    tokens before it.
    """
    home = current_home()
    instrument = load_instrument(home)
    asked = survey_id or default_survey(home, instrument) or DEFAULT_SURVEY
    if prompt_id is None:
        design = chosen_design(
            home,
            instrument,
            wording_set=wording_set,
            template_id=template_id,
            coding_id=coding_id,
            answer_style=answer_style,
            chat_mode=chat_mode,
            choice_order=choice_order,
        )
    else:
        design = landed_design(home, instrument, prompt_id)
    description = described_prompt(
        replace(resolve_model(model_name, home, instrument), pre_tokenizer=pre_tokenizer),
        instrument.question(question_id, instrument.survey(asked).survey_id),
        parse_subject(_subject_key(country_id, group_id, placebo_id), instrument),
        design,
    )
    if as_json:
        click.echo(json_text(dataclasses.asdict(description)), nl=False)
    else:
        _print(description)


def _subject_key(country_id: str | None, group_id: str | None, placebo_id: str | None) -> str:
    if placebo_id is not None and (country_id or group_id):
        raise WrongUsageError("--placebo is in the place of --country and --group.")
    if group_id is not None and country_id is None:
        raise WrongUsageError("--group is of the people of a --country.")
    named = [country_id or COUNTRY_FREE, group_id or placebo_id]
    return ":".join(name for name in named if name)


def _print(description: PromptDescription) -> None:
    console = out()

    def line(text: str) -> None:
        console.print(text, soft_wrap=True)

    line(f"model  {description.model_path}")
    line(f"prompt {description.prompt_id}")
    line("-- text, up to the answer " + "-" * 20)
    line(description.text)
    line("-- answers: prompt tokens | answer tokens " + "-" * 4)
    for answer in description.answers:
        start = answer.answer_start
        line(f"choice {answer.choice_index} {answer.text!r}, answer starts at token {start}")
        line(
            f"  {' '.join(map(str, answer.token_ids[:start]))} | "
            f"{' '.join(map(str, answer.token_ids[start:]))}"
        )
        line(f"  answer tokens: {' '.join(map(repr, answer.answer_tokens))}")
