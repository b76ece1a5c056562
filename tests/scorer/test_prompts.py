from dataclasses import replace

import pytest

from scorer.design import PromptDesign
from scorer.prompts import render_prompt
from scorer.templates import named_template
from warehouse.errors import ValuescopeError
from warehouse.instrument import Choice, Country, Instrument, Question

DESIGN = PromptDesign(named_template("paper"))
JAPAN = Country("JPN", (392,), "Japan", (), in_wvs7=True)
TEA = Question(
    question_id="Q900",
    survey_id="wvs",
    category_id="tea",
    short_label="Tea",
    wording="Is tea good?",
    scale_kind="ordinal",
    choices={
        "native": tuple(
            Choice("native", "Q900", index, text, (index,))
            for index, text in enumerate(["Good", "Neither", "Bad"], start=1)
        )
    },
    codes_outside_scale={"native": frozenset()},
)


def with_choices(*texts: str) -> Question:
    choices = (Choice("native", "Q900", i, text, (i,)) for i, text in enumerate(texts, start=1))
    return replace(TEA, choices={"native": tuple(choices)})


def test_a_prompt_shows_the_choices_with_labels_in_the_instruments_order() -> None:
    prompt = render_prompt(TEA, JAPAN, DESIGN)
    assert prompt.text == (
        "Question: Is tea good?\nChoices: A) Good, B) Neither, C) Bad\nIn Japan, Answer:"
    )
    assert prompt.country_id == "JPN"


def test_a_prompt_without_a_country_is_kept_under_zzz() -> None:
    prompt = render_prompt(TEA, None, DESIGN)
    assert prompt.country_id == "ZZZ"
    assert prompt.text.endswith("C) Bad\nAnswer:")


@pytest.mark.parametrize(
    ("style", "answers"),
    [
        ("label", ["A", "B", "C"]),
        ("label_text", ["A) Good", "B) Neither", "C) Bad"]),
        ("text", ["Good", "Neither", "Bad"]),
    ],
)
def test_the_answer_style_decides_what_is_scored(style: str, answers: list[str]) -> None:
    prompt = render_prompt(TEA, JAPAN, replace(DESIGN, answer_style=style))
    assert [answer.text for answer in prompt.answers] == answers


def test_reversed_choices_keep_the_instruments_index() -> None:
    prompt = render_prompt(TEA, JAPAN, replace(DESIGN, choice_order="reverse"))
    assert "A) Bad, B) Neither, C) Good" in prompt.text
    assert [
        (answer.choice_index, answer.position, answer.label, answer.text)
        for answer in prompt.answers
    ] == [(3, 1, "A", "A) Bad"), (2, 2, "B", "B) Neither"), (1, 3, "C", "C) Good")]


@pytest.mark.parametrize(
    "texts", [["Good", "Good"], ["Good", " "], ["Good"], [], [str(n) for n in range(27)]]
)
def test_choices_that_cannot_be_told_apart_or_labelled_are_refused(texts: list[str]) -> None:
    with pytest.raises(ValuescopeError, match="Q900"):
        render_prompt(with_choices(*texts), JAPAN, DESIGN)


@pytest.mark.parametrize("coding_id", ["native", "paper"])
@pytest.mark.parametrize("template", ["paper", "listed", "survey"])
def test_every_question_of_the_instrument_renders(
    instrument: Instrument, template: str, coding_id: str
) -> None:
    design = PromptDesign(named_template(template), coding_id)
    for question in instrument.questions.values():
        prompt = render_prompt(question, instrument.country("KOR"), design)
        assert prompt.text.count(question.wording) == 1
        assert "South Korea" in prompt.text
        assert len(prompt.answers) == len(question.choices[coding_id])
