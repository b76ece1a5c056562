"""Completions of chat and text models: what they say of the choices of a prompt.

With the likeliest first tokens, the probability of a choice is that of those that begin it and no
other choice; without, each completion is one sampled answer. All that starts none of the choices,
or is beyond the tokens that were returned, is off-choice mass.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.planning.prompts import Answer, Prompt
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.problems import Problems, listed

_LABEL = re.compile(r"([a-z])[).:]")
_LISTED_LABEL = re.compile(r"(?<![a-z])([a-z])\)")
_NUMBERED = re.compile(r"(\d+) \(")


@dataclass(frozen=True)
class Completions:
    """The completions of one prompt by one model: `choices` as OpenAI's API writes them.

    `where` says where they are in the file; `text` is what was asked, None if that is not known.
    Without `choices` the request has failed.
    """

    where: str
    cell_id: str
    model: str
    choices: list[dict[str, Any]]
    text: str | None = None


@dataclass
class _Found:
    """Facts about a file besides its rows."""

    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str, str | None], Counter[int | None]] = field(default_factory=dict)
    has_probabilities: bool = False
    unseen: int = 0


def completion_rows(
    completions: Iterable[Completions], asked: AskedPrompts, problems: Problems
) -> Iterator[dict[str, Any]]:
    """Yield a row for each choice of each prompt, and one for answers outside the choices.

    Sampled answers to one prompt are counted together. Requests that failed are answers that
    nobody gave: they are left out, with a warning.
    """
    found = _Found()
    for given in completions:
        if not given.choices:
            found.failed.append(given.cell_id)
            continue
        try:
            prompt = asked.prompt(given.cell_id)
        except ValuescopeError as error:
            found.unknown.append(str(error))
            continue
        try:
            tokens = _first_tokens(given.choices[0])
            said = [choice_said(prompt, _text(choice)) for choice in given.choices]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            found.wrong.append(f"{given.where} ({error!r})")
            continue
        if tokens is None:
            key = given.cell_id, given.model, given.text
            found.counts.setdefault(key, Counter()).update(said)
        else:
            found.has_probabilities = True
            shares = first_token_shares(prompt, tokens)
            found.unseen += list(shares.values()).count(0.0)
            yield from _rows(given.cell_id, given.model, given.text, "probability", shares)
    _tell(found, problems)
    for (cell_id, model, text), said_by in found.counts.items():
        indices = (*(answer.choice_index for answer in asked.prompt(cell_id).answers), None)
        counted = {index: float(said_by[index]) for index in indices}
        yield from _rows(cell_id, model, text, "count", counted)


def _tell(found: _Found, problems: Problems) -> None:
    for what, which, remedy in (
        ("has ids that are not known", found.unknown, "They are those of `valuescope questions`."),
        ("has no chat or text completions", found.wrong, "Ask for one of these."),
    ):
        if which:
            problems.refuse(f"{what}: {listed(which, shown=3)}", remedy)
    if found.has_probabilities and found.counts:
        problems.refuse(
            f"has {len(found.counts)} prompts without log-probabilities beside others with them",
            "They are ways of asking that are never mixed: bring each in a file of its own.",
        )
    if found.unseen:
        problems.warn(
            f"{found.unseen} choices begin with no token of their own that was returned: they get "
            "the probability 0, and what they may have is off-choice mass. Ask for more "
            "top_logprobs, and for labels."
        )
    if found.failed:
        shown = listed(found.failed, shown=3)
        problems.warn(f"{len(found.failed)} requests failed and are left out: {shown}.")


def first_token_shares(
    prompt: Prompt, tokens: Iterable[tuple[str, float]]
) -> dict[int | None, float]:
    """Return the probability of each choice's first tokens; None is the sum of all else.

    `tokens` are texts with log-probabilities. A token that begins several choices, such as "Very",
    counts for none.
    """
    shares: dict[int | None, float] = {answer.choice_index: 0.0 for answer in prompt.answers}
    for text, log_probability in tokens:
        begun = [a.choice_index for a in prompt.answers if _begins(text.strip(), a)]
        if len(begun) == 1:
            shares[begun[0]] += math.exp(log_probability)
    total = sum(shares.values())
    if total > 1:
        # Rounding of log-probabilities that somebody wrote down.
        shares = {index: share / total for index, share in shares.items()}
    return {**shares, None: max(0.0, 1 - total)}


def choice_said(prompt: Prompt, text: str) -> int | None:
    """Return the choice that a whole answer names; None where it names none, or several.

    An answer names a choice by its words, its label or both: `B`, `B) Rather important`,
    `(b)`, `Rather important.` One that lists choices, or has the label of one and the words of
    another, names several.
    """
    said = " ".join(text.split()).casefold()
    words = said.strip(" .\"'*`")
    named = [a for a in prompt.answers if words in (*_names(a), a.label.casefold())]
    if not named and (match := _LABEL.match(said.lstrip("(*"))):
        labels = {match[1], *_LISTED_LABEL.findall(said)}
        named = [a for a in prompt.answers if a.label.casefold() in labels]
        rest = said.lstrip("(*")[match.end() :].strip(" *")
        meant = [a for a in prompt.answers if any(_opens(name, rest) for name in _names(a))]
        if meant and named[:1] != meant:
            return None
    return named[0].choice_index if len(named) == 1 else None


def _names(answer: Answer) -> tuple[str, ...]:
    """Return the words of a choice: of `10 (Always justifiable)` also the number."""
    words = answer.choice_text.casefold()
    number = _NUMBERED.match(words)
    return (words, number[1]) if number else (words,)


def _opens(name: str, text: str) -> bool:
    return text.startswith(name) and not text[len(name) : len(name) + 1].isalnum()


def _begins(token: str, answer: Answer) -> bool:
    return bool(token) and (answer.text.startswith(token) or token == answer.label)


def _first_tokens(choice: dict[str, Any]) -> list[tuple[str, float]] | None:
    """Return the likeliest first tokens of a chat or text completion; None without any."""
    logprobs = choice.get("logprobs") or {}
    if content := logprobs.get("content"):
        found = content[0].get("top_logprobs") or []
        return [(token["token"], float(token["logprob"])) for token in found] or None
    if tops := logprobs.get("top_logprobs"):
        return [(token, float(value)) for token, value in tops[0].items()]
    return None


def _text(choice: dict[str, Any]) -> str:
    message = choice.get("message")
    text = choice["text"] if message is None else message.get("content")
    if isinstance(text, list):
        text = "".join(part["text"] for part in text if part["type"] == "text")
    # A refusal has no content.
    return str(text or "")


def _rows(
    cell_id: str, model: str, text: str | None, value: str, shares: dict[int | None, float]
) -> Iterator[dict[str, Any]]:
    for index, share in shares.items():
        choice = None if index is None else str(index)
        yield {"id": cell_id, "model": model, "text": text, "choice": choice, value: share}
