"""`valuescope prompt`."""

import dataclasses
import json

import click

from scorer.describe import PromptDescription, describe_prompt
from scorer.design import PromptDesign
from scorer.models import resolve_model
from scorer.templates import named_template
from valuescope.console import out
from valuescope.designs import landed_design
from valuescope.options import design_options
from warehouse.home import current_home
from warehouse.instrument import load_instrument


@click.command(name="prompt")
@click.option("--model", "model_name", required=True, metavar="NAME_OR_PATH", help="As in score.")
@click.option("--question", "question_id", required=True, metavar="ID", help="For example Q182.")
@click.option(
    "--country", "country_id", metavar="ISO3", help="[default: the prompt without a country]"
)
@click.option(
    "--prompt",
    "prompt_id",
    metavar="PROMPT_ID",
    help="A design that was scored before, instead of the design options.",
)
@design_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model_name: str,
    question_id: str,
    country_id: str | None,
    prompt_id: str | None,
    answer_style: str,
    coding_id: str,
    template_id: str,
    chat_mode: str,
    as_json: bool,
) -> None:
    """Show exactly what a model is asked, token by token.

    For every choice: the token ids of prompt and answer together, and where the answer starts.
    The log-likelihood of the choice is the sum over the tokens from there on, each given all
    tokens before it.
    """
    home, instrument = current_home(), load_instrument()
    if prompt_id is None:
        design = PromptDesign(
            named_template(template_id),
            instrument.coding(coding_id),
            answer_style,
            chat_mode=chat_mode,
        )
    else:
        design = landed_design(home, prompt_id)
    description = describe_prompt(
        resolve_model(model_name, home, instrument),
        instrument.question(question_id),
        instrument.country(country_id) if country_id else None,
        design,
    )
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(description), ensure_ascii=False, indent=2))
    else:
        _print(description)


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
