"""Render one question, its choices and one country as the text that a model is asked."""

import string
from dataclasses import dataclass

from scorer.chat import ChatTemplate
from scorer.design import PromptDesign, canonical_hash
from warehouse.errors import ValuescopeError
from warehouse.instrument import COUNTRY_FREE, Choice, Country, Question


@dataclass(frozen=True)
class Segment:
    """A stretch of prompt text. Only template text may stand for control tokens."""

    text: str
    is_template: bool


@dataclass(frozen=True)
class Answer:
    """One choice as shown and as answered.

    `choice_index` is the instrument's, `position` and `label` those shown in the prompt.
    `text` is what is scored and `label_text` the label alone, both with their leading space;
    `label_text` is None where the answer style shows no label.
    """

    choice_index: int
    position: int
    label: str
    choice_text: str
    text: str
    label_text: str | None


@dataclass(frozen=True)
class Prompt:
    """One cell as text: a question asked of one country, or of none (`ZZZ`)."""

    question_id: str
    country_id: str
    segments: tuple[Segment, ...]
    answers: tuple[Answer, ...]

    @property
    def text(self) -> str:
        """The whole prompt with its chat template, without a BOS that the tokeniser adds."""
        return "".join(segment.text for segment in self.segments)

    def text_sha256(self, *, adds_bos: bool) -> str:
        """Identity of everything that decides the tokens: prompt, answers, template and BOS."""
        return canonical_hash(
            {
                "segments": [[segment.text, segment.is_template] for segment in self.segments],
                "answers": [answer.text for answer in self.answers],
                "adds_bos": adds_bos,
            }
        )


def render_prompt(
    design: PromptDesign,
    question: Question,
    country: Country | None,
    chat_template: ChatTemplate | None,
) -> Prompt:
    """The prompt of one cell; `chat_template` None asks raw, `country` None names no country.

    A raw answer begins with one space, an answer at the start of a chat turn with none.
    Raises ValuescopeError when the choices cannot be told apart or the chat template fails.
    """
    shown = shown_choices(question, design.coding_id, design.choice_order)
    content = design.template.fill(
        question.wording,
        [f"{label}) {choice.text}" for label, choice in shown],
        None if country is None else country.name,
    )
    if chat_template is None:
        segments = (Segment(content, is_template=False),)
        space = " "
    else:
        before, after = chat_template.around(content)
        segments = (
            Segment(before, is_template=True),
            Segment(content, is_template=False),
            Segment(after, is_template=True),
        )
        space = ""
    return Prompt(
        question_id=question.question_id,
        country_id=COUNTRY_FREE if country is None else country.country_id,
        segments=tuple(segment for segment in segments if segment.text),
        answers=tuple(
            Answer(
                choice_index=choice.index,
                position=position,
                label=label,
                choice_text=choice.text,
                text=space + _answer(design.answer_style, label, choice.text),
                label_text=None if design.answer_style == "text" else space + label,
            )
            for position, (label, choice) in enumerate(shown, start=1)
        ),
    )


def shown_choices(
    question: Question, coding_id: str, choice_order: str
) -> tuple[tuple[str, Choice], ...]:
    """The choices in the order shown, each with its label A, B, C ..

    Raises ValuescopeError for empty or duplicate texts and for more choices than letters.
    """
    choices = question.choices[coding_id]
    texts = [choice.text.strip() for choice in choices]
    if not all(texts) or len(set(texts)) < len(texts) or len(texts) > len(string.ascii_uppercase):
        raise ValuescopeError(
            f"The choices of {question.question_id} in the coding '{coding_id}' must be at most "
            f"{len(string.ascii_uppercase)} different, non-empty texts, but are {texts}. Correct "
            "them in the instrument and repeat."
        )
    ordered = choices if choice_order == "forward" else choices[::-1]
    return tuple(zip(string.ascii_uppercase, ordered, strict=False))


def _answer(style: str, label: str, text: str) -> str:
    return {"label": label, "label_text": f"{label}) {text}", "text": text}[style]
