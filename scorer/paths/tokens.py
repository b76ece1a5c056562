"""From texts to token ids: where the answers start and which of their tokens are the label."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.planning.prompts import Answer, Prompt
from valuescope.warehouse.errors import ValuescopeError


@dataclass(frozen=True)
class TokenisedAnswer:
    """One answer's token ids, joint with the prompt's.

    Tokens `start` and later of `token_ids` are the answer. `label_token_count` of them are the
    label; it is None if the label's tokens are not a prefix of the answer's, and then
    `label_token_ids` (with `label_start`) holds prompt and label to be scored apart.
    """

    answer: Answer
    text: str
    token_ids: tuple[int, ...]
    start: int
    label_token_count: int | None
    label_token_ids: tuple[int, ...] | None
    label_start: int


@dataclass(frozen=True)
class TokenisedCell:
    """One (question, country) cell, ready to be scored; `boundary` is where answers start.

    `boundary_merged` says that the tokenizer drew the prompt's end into the answer's first
    token, so that scoring starts before the prompt's end.
    """

    prompt: Prompt
    text: str
    answers: tuple[TokenisedAnswer, ...]
    boundary: int
    boundary_merged: bool

    @property
    def length(self) -> int:
        """Return tokens of the prompt with the longest answer."""
        return max(len(answer.token_ids) for answer in self.answers)

    @cached_property
    def text_sha256(self) -> str:
        """Return the SHA-256 of the rendered prompt, its tokens (so BOS too) and the answers."""
        content = [self.text, self.answers[0].token_ids[: self.boundary]]
        content += [[answer.answer.choice_index, answer.text] for answer in self.answers]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def shared_prefix_length(prompt: Sequence[int], joint: Sequence[Sequence[int]]) -> int:
    """Return how many of the prompt's first tokens every joint tokenisation keeps.

    >>> shared_prefix_length([1, 2, 3], [[1, 2, 3, 9], [1, 2, 7]])
    2
    """
    length = len(prompt)
    for tokens in joint:
        limit = min(length, len(tokens))
        length = next((i for i in range(limit) if tokens[i] != prompt[i]), limit)
    return length


def tokenise_cell(model: Model, prompt: Prompt, chat_mode: str, with_label: bool) -> TokenisedCell:
    """Tokenise prompt and answers together, once for each answer.

    `with_label` also finds the label's tokens within each answer. Raises ValuescopeError when
    the question would smuggle in a control token or an answer adds no token.
    """
    as_chat = model.is_chat and chat_mode == "template"
    text = model.chat_text(prompt.text) if as_chat else prompt.text
    if as_chat and model.reads_control_tokens(prompt.text):
        raise ValuescopeError(
            f"The text of {prompt.question_id} contains a control token of {model.name}: "
            f"{prompt.text!r}. Reword the question."
        )
    lead = "" if as_chat else " "

    shown = [answer.text for answer in prompt.answers]
    labels = [answer.label for answer in prompt.answers] if with_label else []
    endings = ["", *(lead + ending for ending in dict.fromkeys([*shown, *labels]))]
    joint = dict(zip(endings, model.tokenise_followed(text, endings, as_chat), strict=True))
    prompt_tokens, answer_tokens = joint[""], [joint[lead + answer] for answer in shown]
    start = shared_prefix_length(prompt_tokens, answer_tokens)
    answers = []
    for answer, tokens in zip(prompt.answers, answer_tokens, strict=True):
        if start < 1 or len(tokens) <= start:
            raise ValuescopeError(
                f"The answer '{answer.text}' to {prompt.question_id} adds no token of its own "
                f"for {model.name}. Ask with another --answer style or --template."
            )
        count, label_tokens, label_start = None, None, start
        if with_label:
            label_joint = joint[lead + answer.label]
            if len(label_joint) > start and tokens[: len(label_joint)] == label_joint:
                count = len(label_joint) - start
            else:
                label_tokens = label_joint
                label_start = min(start, shared_prefix_length(prompt_tokens, [label_joint]))
        answers.append(
            TokenisedAnswer(
                answer, lead + answer.text, tokens, start, count, label_tokens, label_start
            )
        )
    return TokenisedCell(prompt, text, tuple(answers), start, start < len(prompt_tokens))
