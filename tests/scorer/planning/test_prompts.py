from dataclasses import replace
from typing import Any

import pytest

from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Choice, Country, Instrument, Question
from valuescope.warehouse.instruments.wordings import WordingSet

DESIGN = PromptDesign(named_template("paper"))
JAPAN = Country("JPN", "JP", (392,), "Japan", (), in_wvs7=True)
TEA = Question(
    question_id="Q900",
    survey_id="wvs",
    category_id="tea",
    battery_id="drinks",
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


GERMAN = WordingSet(
    name="deutsch",
    language="de",
    translator="Erika Muster",
    source="WVS-7",
    questions={("Q900", ""): "Ist Tee gut?", ("Q900", "CHE"): "Ist Tee fein?"},
    choices={("native", "Q900", ""): ("Gut", "Weder noch", "Schlecht")},
    country_names={"JPN": "Japan auf Deutsch", "CHE": "der Schweiz"},
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
    ("order", "shown", "indexes"),
    [
        ("rotate_1", "A) Neither, B) Bad, C) Good", [2, 3, 1]),
        ("rotate_2", "A) Bad, B) Good, C) Neither", [3, 1, 2]),
    ],
)
def test_rotated_choices_start_later_wrap_round_and_keep_the_instruments_index(
    order: str, shown: str, indexes: list[int]
) -> None:
    prompt = render_prompt(TEA, JAPAN, replace(DESIGN, choice_order=order))
    assert shown in prompt.text
    assert [answer.choice_index for answer in prompt.answers] == indexes
    assert [answer.position for answer in prompt.answers] == [1, 2, 3]
    assert [answer.label for answer in prompt.answers] == ["A", "B", "C"]


def test_two_choices_rotated_read_as_reversed_but_are_another_design() -> None:
    question = with_choices("Good", "Bad")
    reverse, rotated = (replace(DESIGN, choice_order=order) for order in ("reverse", "rotate_1"))
    assert render_prompt(question, None, reverse) == render_prompt(question, None, rotated)
    assert reverse.prompt_id != rotated.prompt_id


def test_a_rotation_that_would_come_back_to_the_start_is_refused() -> None:
    with pytest.raises(ValuescopeError, match=r"Q900 has 3 choices .* too few for .* rotate_3"):
        render_prompt(TEA, JAPAN, replace(DESIGN, choice_order="rotate_3"))


def test_a_wording_set_gives_question_choices_and_country_their_words() -> None:
    design = replace(DESIGN, wordings=GERMAN)
    prompt = render_prompt(TEA, JAPAN, design)
    assert "Ist Tee gut?" in prompt.text
    assert "A) Gut, B) Weder noch, C) Schlecht" in prompt.text
    assert "In Japan auf Deutsch," in prompt.text
    assert [answer.choice_index for answer in prompt.answers] == [1, 2, 3]
    assert "Ist Tee gut?" in render_prompt(TEA, None, design).text


def test_a_country_with_words_of_its_own_is_asked_in_them() -> None:
    switzerland = Country("CHE", "CH", (756,), "Switzerland", (), in_wvs7=True)
    prompt = render_prompt(TEA, switzerland, replace(DESIGN, wordings=GERMAN))
    assert "Ist Tee fein?" in prompt.text
    assert "In der Schweiz," in prompt.text


@pytest.mark.parametrize(
    ("lacking", "says"),
    [
        ({"questions": {}}, "'deutsch' has no wording for Q900"),
        ({"choices": {}}, "'deutsch' has no list of choices in the coding 'native' for Q900"),
        ({"country_names": {}}, "'deutsch' has no name for Japan"),
    ],
)
def test_words_that_a_set_lacks_are_named_and_not_taken_from_ours(
    lacking: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValuescopeError, match=says):
        render_prompt(TEA, JAPAN, replace(DESIGN, wordings=replace(GERMAN, **lacking)))


@pytest.mark.parametrize(
    "texts", [["Good", "Good"], ["Good", " "], ["Good"], [], [str(n) for n in range(27)]]
)
def test_choices_that_cannot_be_told_apart_or_labelled_are_refused(texts: list[str]) -> None:
    with pytest.raises(ValuescopeError, match="Q900"):
        render_prompt(with_choices(*texts), JAPAN, DESIGN)


@pytest.mark.parametrize("order", ["forward", "reverse", "rotate_1"])
@pytest.mark.parametrize("coding_id", ["native", "paper"])
@pytest.mark.parametrize("template", ["paper", "listed", "survey", "country_last"])
def test_every_question_of_the_instrument_renders(
    instrument: Instrument, template: str, coding_id: str, order: str
) -> None:
    design = PromptDesign(named_template(template), coding_id, choice_order=order)
    for question in instrument.questions.values():
        prompt = render_prompt(question, instrument.country("KOR"), design)
        assert prompt.text.count(question.wording) == 1
        assert "South Korea" in prompt.text
        assert len(prompt.answers) == len(question.choices[coding_id])
