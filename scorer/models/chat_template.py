"""A model's own chat template: the user's turn, and all text before the answer.

A template shows twice where an assistant's words begin: in the generation prompt, and in a
conversation that has them. Where both agree, what the second adds to the first is the lead that
every answer gets: a space after Llama 2's `[/INST]`, gpt-oss's header of the final channel, the
empty thought of models whose thinking is switched off.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from valuescope.scorer.models.template_process import TEMPLATES, TemplateError
from valuescope.warehouse.errors import ValuescopeError

# What templates call the switch of the model's thinking, and its value for none.
_SWITCHES: Mapping[str, bool | str] = {
    "enable_thinking": False,
    "thinking": False,
    "thinking_mode": "disabled",
}
_QUESTION, _ANSWER, _THOUGHT = "Is tea good?", "Known words, so far.", "Somebody's thought."
# Marks around a thought: <think>, [/THINK], <|START_THINKING|>, <|channel|>analysis.
_MARK = re.compile(
    r"[<\[◁][|｜]?(?P<closes>/|end|close)?[^<>\[\]◁▷\s]*"
    r"(?:think|thought|reason|analysis|reflect|ponder)[^<>\[\]◁▷\s]*[>\]▷]"
    r"|<\|?channel\|?>\s*(?:analysis|thought)|(?P<ends><channel\|>)",
    re.IGNORECASE,
)
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class ChatTemplate:
    """A template that an answer can follow; `lead` is between generation prompt and answer.

    `switches` are the variables that the template was given so that the model does not think.
    """

    source: str
    special_tokens: Mapping[str, str]
    model_name: str
    switches: Mapping[str, bool | str]
    has_parts: bool
    lead: str

    def prompt(self, user_text: str) -> str:
        """Return the conversation up to the answer.

        Raises ValuescopeError where the template fails on the text, changes it or drops it.
        """
        try:
            return self._prompt(user_text) + self.lead
        except TemplateError as problem:
            raise _unusable(self.model_name, problem) from problem

    def _prompt(self, user_text: str) -> str:
        rendered = self._render([_turn("user", user_text, self.has_parts)], is_open=True)
        # A template that knows no parts prints the list of them.
        is_printed = self.has_parts and re.search("['\"]text['\"]: ", rendered) is not None
        if user_text.strip() not in rendered or is_printed:
            raise TemplateError("changes or drops the question")
        return rendered

    def _answered(self, **thought: str) -> str:
        """Return a conversation with an answer of known words."""
        answer = _turn("assistant", _ANSWER, self.has_parts) | thought
        return self._render([_turn("user", _QUESTION, self.has_parts), answer], is_open=False)

    def _render(self, messages: list[dict[str, Any]], is_open: bool) -> str:
        variables = {
            "messages": messages,
            "add_generation_prompt": is_open,
            # As transformers has them.
            "tools": None,
            "documents": None,
            **self.special_tokens,
            **self.switches,
        }
        return TEMPLATES.render(self.source, variables)


def open_chat_template(
    source: str, special_tokens: Mapping[str, str], model_name: str
) -> ChatTemplate:
    """Find out where answers begin. `special_tokens` are `bos_token` and its like, by name.

    The model's thinking is switched off where the template has a switch that leads to an answer.
    Raises ValuescopeError where no answer can follow.
    """
    plain = ChatTemplate(source, special_tokens, model_name, {}, has_parts=False, lead="")
    switches = {
        name: off
        for name, off in _SWITCHES.items()
        if name in source and _opening(replace(plain, switches={name: off})) != _opening(plain)
    }
    problems: list[TemplateError] = []
    for chosen in (switches, {}) if switches else ({},):
        for has_parts in (False, True):
            template = replace(plain, switches=chosen, has_parts=has_parts)
            try:
                return replace(template, lead=_lead(template))
            except TemplateError as problem:
                problems.append(problem)
    raise _unusable(model_name, problems[0])


def opens_a_thought(text: str) -> bool:
    """Return whether a thought is begun in `text` and not ended.

    >>> [opens_a_thought(text) for text in ("<think>", "[THINK]x[/THINK]", " I think")]
    [True, False, False]
    """
    marks = list(_MARK.finditer(text))
    return bool(marks) and not (marks[-1]["closes"] or marks[-1]["ends"])


def _opening(template: ChatTemplate) -> str:
    """Return the generation prompt, or why there is none."""
    try:
        return template._prompt(_QUESTION)
    except TemplateError as problem:
        return str(problem)


def _lead(template: ChatTemplate) -> str:
    """Return what the template puts between its generation prompt and an assistant's words."""
    prompt, answered = template._prompt(_QUESTION), template._answered()
    end = answered.rfind(_ANSWER)
    if end < 0:
        raise TemplateError("changes or drops the assistant's words")
    turn = prompt[prompt.rfind(_QUESTION) + len(_QUESTION) :]
    if not answered.startswith(prompt):
        before_words = answered[answered.rfind(_QUESTION, 0, end) + len(_QUESTION) : end]
        raise TemplateError(
            f"asks for an answer after {_shown(turn)}"
            f"{', in a thought,' if opens_a_thought(turn) else ''} but puts an assistant's words "
            f"after {_shown(before_words)}, so that nothing says where an answer begins"
        )
    lead = answered[len(prompt) : end]
    if opens_a_thought(turn + lead) or _is_thought_open(template, prompt + lead):
        raise TemplateError(
            f"makes the model think before it answers, after {_shown(turn + lead)}, and has no "
            "known switch for it, so that the first words are not the answer"
        )
    return lead


def _shown(text: str) -> str:
    return repr(text[-_SHOWN_CHARACTERS:])


def _is_thought_open(template: ChatTemplate, before: str) -> bool:
    """Return whether the template itself puts a thought where the answer would begin."""
    try:
        thoughtful = template._answered(reasoning_content=_THOUGHT, thinking=_THOUGHT)
    except TemplateError:  # it takes no thought
        return False
    return thoughtful.startswith(before) and thoughtful[len(before) :].lstrip().startswith(_THOUGHT)


def _turn(role: str, text: str, has_parts: bool) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}] if has_parts else text}


def _unusable(model_name: str, problem: TemplateError) -> ValuescopeError:
    return ValuescopeError(
        f"The chat template of {model_name} {problem}. Ask the model in plain text with --chat raw."
    )
