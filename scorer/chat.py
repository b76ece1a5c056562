"""A model's own chat template, rendered in a sandbox and the same on every day."""

import datetime
from typing import NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from warehouse.errors import ValuescopeError

# Templates that print today's date get this one, so that prompts don't change overnight.
FIXED_DATE = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
_MARKER = "valuescope-question-goes-here"


class ChatTemplate:
    """The chat template of one model.

    Raises ValuescopeError when the template does not parse.
    """

    def __init__(self, source: str, *, model_name: str, bos_text: str, eos_text: str) -> None:
        self._model_name = model_name
        self._special_texts = {"bos_token": bos_text, "eos_token": eos_text}
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = FIXED_DATE.strftime
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise self._failure(str(error)) from error
        rendered = self._render(_MARKER)
        if rendered.count(_MARKER) != 1:
            raise self._failure(f"it puts the question {rendered.count(_MARKER)} times")
        self._before, self._after = rendered.split(_MARKER)
        if self._after.rstrip().endswith(("<think>", "<thinking>", "<reasoning>")):
            raise self._failure(
                "it makes the model think before it answers, so an answer cannot be read at the "
                "start of its turn"
            )

    def around(self, content: str) -> tuple[str, str]:
        """The template's text before and after the user turn `content`.

        The assistant's turn is opened and left empty. Thinking is switched off where the
        template knows such a switch. Raises ValuescopeError when the template fails on
        `content` or changes it.
        """
        if self._render(content) != self._before + content + self._after:
            raise self._failure("it changes the text of the question")
        return self._before, self._after

    def _render(self, content: str) -> str:
        try:
            return self._template.render(
                messages=[{"role": "user", "content": content}],
                add_generation_prompt=True,
                enable_thinking=False,
                **self._special_texts,
            )
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise self._failure(str(error) or type(error).__name__) from error

    def _failure(self, reason: str) -> ValuescopeError:
        return ValuescopeError(
            f"The chat template of {self._model_name} cannot be used: {reason}. Ask the model "
            "without it: `valuescope score --chat raw`."
        )


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)
