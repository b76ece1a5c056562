"""From a question, a country and a design to the text a model sees and the answers it weighs."""

import string
from dataclasses import dataclass

from scorer.design import PromptDesign
from warehouse.errors import ValuescopeError
from warehouse.instrument import COUNTRY_FREE, Choice, Country, Question


@dataclass(frozen=True)
class Answer:
    """One choice as it is shown: `choice_index` is the instrument's, `position` the shown one.

    `text` follows the prompt without the space or the lack of it that the model's kind asks for.
    """

    choice_index: int
    position: int
    label: str
    choice_text: str
    text: str


@dataclass(frozen=True)
class Prompt:
    """One question put to one country, before any chat template."""

    question_id: str
    country_id: str
    text: str
    answers: tuple[Answer, ...]


def render_prompt(question: Question, country: Country | None, design: PromptDesign) -> Prompt:
    """Render one cell; `country` None gives the country-free prompt.

    Raises ValuescopeError when the question has no choices in the design's coding, or when
    choices are empty or read the same.
    """
    choices = _shown_choices(question, design)
    answers = tuple(
        Answer(
            choice_index=choice.index,
            position=position,
            label=label,
            choice_text=choice.text,
            text=_answer_text(label, choice.text, design.answer_style),
        )
        for position, (label, choice) in enumerate(
            zip(string.ascii_uppercase, choices, strict=False), start=1
        )
    )
    shown = [f"{answer.label}) {answer.choice_text}" for answer in answers]
    text = design.template.fill(question.wording, shown, country.name if country else None)
    country_id = country.country_id if country else COUNTRY_FREE
    return Prompt(question.question_id, country_id, text, answers)


def _shown_choices(question: Question, design: PromptDesign) -> tuple[Choice, ...]:
    choices = question.choices.get(design.coding_id, ())
    if not 2 <= len(choices) <= len(string.ascii_uppercase):
        raise ValuescopeError(
            f"{question.question_id} has {len(choices)} choices in the coding "
            f"'{design.coding_id}'; a question needs 2 to 26. Correct choices.csv or leave the "
            "question out with --questions."
        )
    texts = [choice.text.strip() for choice in choices]
    if "" in texts or len(set(texts)) < len(texts):
        raise ValuescopeError(
            f"{question.question_id} has empty or repeated choices in the coding "
            f"'{design.coding_id}': {texts}. Correct choices.csv."
        )
    return choices if design.choice_order == "forward" else choices[::-1]


def _answer_text(label: str, choice_text: str, answer_style: str) -> str:
    if answer_style == "label":
        return label
    if answer_style == "label_text":
        return f"{label}) {choice_text}"
    return choice_text
