"""Exactly what a model is asked, for a person to check a number by hand."""

from dataclasses import dataclass
from pathlib import Path

from scorer.design import PromptDesign
from scorer.models import ModelFile
from warehouse.instrument import Country, Question


@dataclass(frozen=True)
class DescribedAnswer:
    """One answer: `token_ids` is the whole joint sequence of prompt and answer with BOS.

    The answer's own tokens are `token_ids[answer_start:]`.
    """

    choice_index: int
    text: str
    token_ids: tuple[int, ...]
    answer_start: int


@dataclass(frozen=True)
class PromptDescription:
    """The rendered prompt of one cell with the tokens of each of its answers."""

    model_path: Path
    text: str
    answers: tuple[DescribedAnswer, ...]


def describe_prompt(
    model: ModelFile, design: PromptDesign, question: Question, country: Country | None
) -> PromptDescription:
    """Render and tokenise one cell as `score` does; `country` None is the country-free prompt.

    Only the vocabulary is loaded. Raises ValuescopeError when the question has no choices in
    the design's coding or the chat template fails.
    """
    raise NotImplementedError
