"""The interface of every scoring path: token sequences in, log-likelihoods out."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from valuescope.scorer.paths.tokens import TokenisedCell
from valuescope.warehouse.errors import ValuescopeError

Item = TypeVar("Item")

# log P of the token at a position of a sequence, given all tokens before it.
TokenLogLikelihood = Callable[[tuple[int, ...], int], float]


@dataclass(frozen=True)
class AnswerScore:
    """log P of each answer token given everything before it, in nats; the label's sum likewise.

    `label_log_likelihood` is None where no label is part of the answer style.
    """

    token_log_likelihoods: tuple[float, ...]
    label_log_likelihood: float | None

    @property
    def log_likelihood(self) -> float:
        """Log P of the whole answer, in nats (l_k in docs/method.md)."""
        return math.fsum(self.token_log_likelihoods)


@dataclass(frozen=True)
class CellScore:
    """The scores of a cell's answers, in the order of the cell.

    `off_choice_mass` is the probability, at the answers' first token, of all tokens that start
    none of the answers.
    """

    answers: tuple[AnswerScore, ...]
    off_choice_mass: float


class Scorer(Protocol):
    """A way to score cells; `name` is recorded on the run."""

    name: str

    @property
    def cells_in_hand(self) -> int:
        """Return how many cells are decoded, or nearly, but not yielded yet."""
        ...

    def score(self, questions: Iterable[Sequence[TokenisedCell]]) -> Iterator[CellScore]:
        """Return the scores of all cells in their order, as they are ready.

        The cells of one question, or of any that share much, come together.
        """
        ...


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Cut `items` into pieces of at most `size`."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


def scored_sequences(cell: TokenisedCell) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield the token sequences a cell needs, each with the position of its first scored token."""
    for answer in cell.answers:
        yield answer.token_ids, answer.start
        if answer.label_token_ids is not None:
            yield answer.label_token_ids, answer.label_start


def require_room(cell: TokenisedCell, tokens: int, context_size: int) -> None:
    """Raise ValuescopeError when `tokens` of a cell do not fit the context."""
    if tokens > context_size:
        raise ValuescopeError(
            f"The prompt of {cell.prompt.question_id} for {cell.prompt.subject_key} needs {tokens} "
            f"tokens, the context holds {context_size}. Shorten the question, use a shorter "
            "--template, or choose a model with a longer context."
        )


def assemble_cell(cell: TokenisedCell, value: TokenLogLikelihood) -> CellScore:
    """Put the values of single tokens together to the scores of a cell."""

    def values(tokens: tuple[int, ...], start: int) -> tuple[float, ...]:
        return tuple(value(tokens, position) for position in range(start, len(tokens)))

    answers = []
    first_tokens: dict[int, float] = {}
    for answer in cell.answers:
        token_values = values(answer.token_ids, answer.start)
        label = None
        if answer.label_token_count is not None:
            label = math.fsum(token_values[: answer.label_token_count])
        elif answer.label_token_ids is not None:
            label = math.fsum(values(answer.label_token_ids, answer.label_start))
        answers.append(AnswerScore(token_values, label))
        first_tokens.setdefault(answer.token_ids[answer.start], token_values[0])
    on_choices = math.fsum(math.exp(log_likelihood) for log_likelihood in first_tokens.values())
    return CellScore(tuple(answers), max(0.0, 1.0 - on_choices))
