"""A design's way of asking, on an opened model: cells in, values of landed rows out."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from valuescope.scorer.elicitation.answer_form import percentage_form
from valuescope.scorer.elicitation.stating import StatingScorer
from valuescope.scorer.elicitation.values import (
    CellValues,
    drawn_values,
    likelihood_values,
    stated_values,
)
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.paths.choice import OpenedScorer, Probe
from valuescope.scorer.paths.path import Scorer
from valuescope.scorer.paths.tokens import TokenisedCell
from valuescope.scorer.planning.design import PromptDesign


@dataclass(frozen=True)
class Elicitor:
    """A computation of cells, and the values made of the result of each."""

    scorer: Scorer | StatingScorer
    values_of: Callable[[TokenisedCell, Any], CellValues]

    @property
    def cells_in_hand(self) -> int:
        """Return how many cells are decoded, or nearly, but not yielded yet."""
        return self.scorer.cells_in_hand

    def values(self, questions: Iterable[Sequence[TokenisedCell]]) -> Iterator[CellValues]:
        """Yield the values of all cells in their order, as they are ready.

        Raises ValuescopeError as scorers do.
        """
        waiting: deque[TokenisedCell] = deque()

        def passed_on() -> Iterator[Sequence[TokenisedCell]]:
            for cells in questions:
                waiting.extend(cells)
                yield cells

        for found in self.scorer.score(passed_on()):
            yield self.values_of(waiting.popleft(), found)


def elicitor(
    design: PromptDesign,
    model: Model,
    model_id: str,
    opened: OpenedScorer,
    choice_counts: Iterable[int],
) -> Elicitor:
    """Return the way in which `design` asks questions of so many choices.

    Raises ValuescopeError for a vocabulary that cannot spell the answers.
    """
    if design.elicitation == "verbalised":
        as_chat = model.is_chat and design.chat_mode == "template"
        stating = StatingScorer(model, opened.context, as_chat)
        for choices in sorted(set(choice_counts)):
            stating.form_tokens(choices)
        return Elicitor(stating, stated_values)
    if design.is_sampled:
        return Elicitor(
            opened.scorer,
            lambda cell, score: drawn_values(
                cell, score, design.draws, design.temperature, model_id
            ),
        )
    return Elicitor(opened.scorer, likelihood_values)


def with_room_for_percentages(probe: Probe, choices: int) -> Probe:
    """Return a probe whose longest cell ends with the longest answer for so many choices.

    As if each character were a token of its own.
    """
    longest = probe.longest
    room = len(percentage_form(choices, " ").longest)
    tokens = longest.answers[0].token_ids
    answer = replace(longest.answers[0], token_ids=tokens[: longest.boundary] + tokens[-1:] * room)
    return replace(probe, longest=replace(longest, answers=(answer,)))
