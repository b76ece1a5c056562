"""From a question, a subject and a design to the text a model sees and the answers it weighs."""

import string
from dataclasses import dataclass

from valuescope.scorer.planning.design import PromptDesign
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Choice, Question
from valuescope.warehouse.instruments.subjects import Group, Placebo, Subject, country_id_of


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
    """One question about one subject, before any chat template.

    `group_id` and `placebo_id` are None for a country as a whole.
    """

    question_id: str
    country_id: str
    text: str
    answers: tuple[Answer, ...]
    group_id: str | None = None
    placebo_id: str | None = None

    @property
    def subject_key(self) -> str:
        """Return the subject in a word, as `subjects.subject_key` does."""
        return ":".join(filter(None, (self.country_id, self.group_id, self.placebo_id)))


def render_prompt(question: Question, subject: Subject, design: PromptDesign) -> Prompt:
    """Render one cell; `subject` None gives the country-free prompt.

    Raises ValuescopeError when the question has no choices in the design's coding, when choices
    are empty or read the same, when the design's order needs more choices, or when its wording
    set has no words for the question or the subject.
    """
    country_id = country_id_of(subject)
    question = design.wordings.reword(question, design.coding_id, country_id)
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
    return Prompt(
        question_id=question.question_id,
        country_id=country_id,
        text=design.template.fill(question.wording, shown, subject, design.wordings),
        answers=answers,
        group_id=subject.group_id if isinstance(subject, Group) else None,
        placebo_id=subject.placebo_id if isinstance(subject, Placebo) else None,
    )


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
    if not design.allows(question):
        raise ValuescopeError(
            f"{question.question_id} has {len(choices)} choices in the coding "
            f"'{design.coding_id}', too few for the order {design.choice_order}. Ask it in another "
            "order or leave it out with --questions."
        )
    if design.choice_order == "reverse":
        return choices[::-1]
    return choices[design.rotation :] + choices[: design.rotation]


def _answer_text(label: str, choice_text: str, answer_style: str) -> str:
    if answer_style == "label":
        return label
    if answer_style == "label_text":
        return f"{label}) {choice_text}"
    return choice_text
