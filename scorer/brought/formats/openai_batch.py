"""OpenAI's batch output, as its API, vLLM and other servers write it: a line for each request.

`custom_id` is the id of `valuescope questions`. With `top_logprobs` the probability of a choice is
that of the first tokens that begin it and no other choice; without, each message is one sampled
answer. Whatever begins no choice, or is beyond the tokens that were returned, is off-choice mass.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.brought.formats.json_lines import json_objects
from valuescope.scorer.planning.prompts import Answer, Prompt
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.problems import Problems, listed

_LABEL = re.compile(r"(?<![a-z])([a-z])[).:]")


def openai_batch_rows(
    path: Path, asked: AskedPrompts, problems: Problems
) -> Iterator[dict[str, Any]]:
    """Yield a row for each choice of each request, and one for answers outside the choices.

    Requests that failed are answers nobody gave: they are left out, with a warning.
    """
    failed, wrong, unknown = [], [], []
    counts: dict[tuple[str, str], Counter[int | None]] = {}
    has_probabilities, unseen = False, 0
    for number, line in json_objects(path, problems):
        cell = line.get("custom_id")
        body = (line.get("response") or {}).get("body") or {}
        if line.get("error") or not body.get("choices"):
            failed.append(str(cell))
            continue
        try:
            prompt = asked.prompt(str(cell))
        except ValuescopeError as error:
            unknown.append(str(error))
            continue
        try:
            model = str(body["model"])
            tokens = _first_tokens(body["choices"][0])
            if tokens is not None:
                has_probabilities = True
                shares = first_token_shares(prompt, tokens)
                unseen += list(shares.values()).count(0.0)
                yield from _rows(str(cell), model, "probability", shares)
                continue
            said = counts.setdefault((str(cell), model), Counter())
            said.update(choice_said(prompt, _text(choice)) for choice in body["choices"])
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            wrong.append(f"line {number} ({error!r})")
    for what, found, remedy in (
        (
            "has custom_ids that are not known",
            unknown,
            "They are the ids of `valuescope questions`.",
        ),
        ("has responses that are no chat or text completions", wrong, "Ask for one of these."),
    ):
        if found:
            problems.refuse(f"{what}: {listed(found, shown=3)}", remedy)
    if has_probabilities and counts:
        problems.refuse(
            f"has {len(counts)} prompts without log-probabilities beside others with them",
            "They are ways of asking that are never mixed: bring each in a file of its own.",
        )
    if unseen:
        problems.warn(
            f"{unseen} choices begin with no token of their own that was returned: they get the "
            "probability 0, and what they may have is off-choice mass. Ask for more top_logprobs, "
            "and for labels."
        )
    if failed:
        problems.warn(f"{len(failed)} requests failed and are left out: {listed(failed, shown=3)}.")
    for (cell_id, model), said in counts.items():
        prompt = asked.prompt(cell_id)
        indices = (*(answer.choice_index for answer in prompt.answers), None)
        counted = {index: float(said[index]) for index in indices}
        yield from _rows(cell_id, model, "count", counted)


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
    `(b)`, `Rather important.`
    """
    said = " ".join(text.split()).casefold()
    words = said.strip(" .\"'*`")
    named = {
        answer.choice_index
        for answer in prompt.answers
        if words in (answer.choice_text.casefold(), answer.label.casefold())
        or said.startswith(f"{answer.label}) {answer.choice_text}".casefold())
    }
    labels = set(_LABEL.findall(said))
    if not named and len(labels) == 1 and _LABEL.match(said.lstrip("(*")):
        named = {a.choice_index for a in prompt.answers if a.label.casefold() in labels}
    return named.pop() if len(named) == 1 else None


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
    # A refusal has no content.
    return str(text or "")


def _rows(
    cell_id: str, model: str, value: str, shares: dict[int | None, float]
) -> Iterator[dict[str, Any]]:
    for index, share in shares.items():
        choice = None if index is None else str(index)
        yield {"id": cell_id, "model": model, "choice": choice, value: share}
