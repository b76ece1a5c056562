"""A model's own chat template, rendered in a sandbox."""

from datetime import datetime
from functools import cache
from typing import NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from valuescope.warehouse.errors import ValuescopeError

# Templates may print today's date; a fixed one keeps prompts from changing overnight.
FIXED_DATE = datetime(2024, 7, 26)


def render_chat(
    template: str, user_text: str, bos_token: str, eos_token: str, model_name: str
) -> str:
    """The conversation up to where the assistant's answer starts, as the model's template has it.

    Raises ValuescopeError when the template fails or does not contain the user's text.
    """
    try:
        rendered = _compiled(template).render(
            messages=[{"role": "user", "content": user_text}],
            add_generation_prompt=True,
            # Templates of thinking models open with an empty thought, so the answer comes first.
            enable_thinking=False,
            bos_token=bos_token,
            eos_token=eos_token,
        )
    except jinja2.TemplateError as error:
        raise ValuescopeError(
            f"The chat template of {model_name} fails: {error}. Ask the model in plain text with "
            "--chat raw."
        ) from error
    if user_text.strip() not in rendered:
        raise ValuescopeError(
            f"The chat template of {model_name} changes or drops the question. Ask the model in "
            "plain text with --chat raw."
        )
    if rendered.rstrip().endswith("<think>"):
        raise ValuescopeError(
            f"The chat template of {model_name} makes it think before it answers, so that its "
            "first words are no answer. Ask the model in plain text with --chat raw."
        )
    return rendered


@cache
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = FIXED_DATE.strftime
    return environment.from_string(template)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
