import ctypes
from collections.abc import Sequence
from dataclasses import replace

import llama_cpp.llama_cpp as llama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.paths.tokens import TokenisedCell, shared_prefix_length, tokenise_cell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import Answer, Prompt, render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


def prompt_of(text: str, *answers: str, question_id: str = "Q900") -> Prompt:
    shown = (
        Answer(index, index, label, answer, answer)
        for index, (label, answer) in enumerate(zip("ABCDE", answers, strict=False), start=1)
    )
    return Prompt(question_id, "JPN", text, tuple(shown))


def spell(model: Model, tokens: Sequence[int]) -> str:
    return "".join(map(model.piece, tokens))


@given(
    prompt=st.lists(st.integers(0, 3), max_size=6),
    joint=st.lists(st.lists(st.integers(0, 3), max_size=8), min_size=1, max_size=4),
)
def test_the_shared_prefix_is_kept_by_all_and_cannot_be_longer(
    prompt: list[int], joint: list[list[int]]
) -> None:
    length = shared_prefix_length(prompt, joint)
    assert all(tokens[:length] == prompt[:length] for tokens in joint)
    longer = prompt[: length + 1]
    assert length == len(prompt) or any(tokens[: length + 1] != longer for tokens in joint)


@settings(max_examples=60)
@given(text=TEXTS, answers=st.lists(TEXTS, min_size=2, max_size=4, unique=True))
@pytest.mark.parametrize("name", ["smollm2", "gemma"])
def test_an_answer_starts_where_every_joint_tokenisation_still_agrees_with_the_prompt(
    request: pytest.FixtureRequest, name: str, text: str, answers: list[str]
) -> None:
    model: Model = request.getfixturevalue(name)
    prompt = prompt_of("Q:" + text, *answers)
    own = model.tokenise_with_bos(prompt.text)
    cell = tokenise_cell(model, prompt, "raw", with_label=True)
    assert cell.boundary_merged == (cell.boundary < len(own))
    followers = {answer.token_ids[cell.boundary] for answer in cell.answers}
    assert cell.boundary == len(own) or followers != {own[cell.boundary]}
    for answer in cell.answers:
        assert answer.start == cell.boundary < len(answer.token_ids)
        assert answer.token_ids[: cell.boundary] == own[: cell.boundary]
        assert answer.token_ids == model.tokenise_with_bos(prompt.text + " " + answer.answer.text)


def test_a_model_with_bos_gets_it_once(gemma: Model) -> None:
    for tokens in (gemma.tokenise_with_bos("Hello"), gemma.tokenise_with_bos("<bos>Hello", True)):
        assert tokens[0] == gemma.bos
        assert tokens.count(gemma.bos) == 1


def test_a_model_without_bos_gets_none(smollm2: Model) -> None:
    assert smollm2.tokenise_with_bos("Hello") == smollm2.tokenise("Hello")
    assert smollm2.bos not in smollm2.tokenise_with_bos("Hello")


def test_control_tokens_are_read_in_template_text_alone(smollm2: Model) -> None:
    assert len(smollm2.tokenise("<|im_end|>", special=True)) == 1
    assert len(smollm2.tokenise("<|im_end|>")) > 1


def test_a_raw_question_cannot_smuggle_in_a_control_token(smollm2: Model) -> None:
    end_of_turn = smollm2.tokenise("<|im_end|>", special=True)[0]
    cell = tokenise_cell(smollm2, prompt_of("Tea?<|im_end|>", "A", "B"), "raw", with_label=True)
    assert all(end_of_turn not in answer.token_ids for answer in cell.answers)


def test_a_templated_question_with_a_control_token_is_refused(smollm2: Model) -> None:
    prompt = prompt_of("Tea?<|im_end|>", "A", "B", question_id="Q901")
    with pytest.raises(ValuescopeError, match="Q901 contains a control token"):
        tokenise_cell(smollm2, prompt, "template", with_label=True)


def test_a_chat_prompt_is_tokenised_as_llama_cpp_does_it_whole(
    smollm2: Model, instrument: Instrument
) -> None:
    cell = cell_of(smollm2, instrument, "Q182", PromptDesign(named_template("paper")))
    for answer in cell.answers:
        content = (cell.text + answer.text).encode()
        buffer = (llama.llama_token * len(content))()
        vocabulary = llama.llama_model_get_vocab(ctypes.c_void_p(smollm2._model))
        count = llama.llama_tokenize(
            vocabulary, content, len(content), buffer, len(content), True, True
        )
        assert answer.token_ids == tuple(buffer[:count])


def cell_of(
    model: Model, instrument: Instrument, question_id: str, design: PromptDesign
) -> TokenisedCell:
    prompt = render_prompt(instrument.question(question_id), instrument.country("JPN"), design)
    return tokenise_cell(model, prompt, design.chat_mode, design.answer_style != "text")


def test_base_answers_begin_with_a_space_and_chat_answers_do_not(
    smollm2: Model, gemma: Model, instrument: Instrument
) -> None:
    design = PromptDesign(named_template("paper"))
    chat = cell_of(smollm2, instrument, "Q1", design)
    base = cell_of(gemma, instrument, "Q1", design)
    raw_chat = cell_of(smollm2, instrument, "Q1", replace(design, chat_mode="raw"))
    assert chat.answers[0].text == "A) Very important"
    assert base.answers[0].text == raw_chat.answers[0].text == " A) Very important"
    assert base.text == raw_chat.text
    assert chat.text != base.text


@pytest.mark.parametrize("name", ["smollm2", "gemma"])
@pytest.mark.parametrize("style", ["label", "label_text", "text"])
def test_the_answers_tokens_spell_the_answer_in_every_question(
    request: pytest.FixtureRequest, instrument: Instrument, name: str, style: str
) -> None:
    model: Model = request.getfixturevalue(name)
    design = PromptDesign(named_template("paper"), answer_style=style)
    for question_id in list(instrument.questions)[::10]:
        cell = cell_of(model, instrument, question_id, design)
        assert not cell.boundary_merged
        for answer in cell.answers:
            assert spell(model, answer.token_ids[answer.start :]) == answer.text


@pytest.mark.parametrize("name", ["smollm2", "gemma"])
def test_the_label_is_the_first_tokens_of_a_labelled_answer(
    request: pytest.FixtureRequest, instrument: Instrument, name: str
) -> None:
    model: Model = request.getfixturevalue(name)
    cell = cell_of(model, instrument, "Q182", PromptDesign(named_template("paper")))
    for answer in cell.answers:
        assert answer.label_token_count is not None
        label = answer.token_ids[answer.start : answer.start + answer.label_token_count]
        assert spell(model, label).strip() == answer.answer.label
        assert answer.label_token_ids is None


def test_a_label_whose_tokens_are_no_prefix_is_scored_apart(gemma: Model) -> None:
    cell = tokenise_cell(gemma, prompt_of("Tea?", "Apples", "Bananas"), "raw", with_label=True)
    for answer in cell.answers:
        assert answer.label_token_count is None
        assert answer.label_token_ids is not None
        assert spell(gemma, answer.label_token_ids[answer.label_start :]).strip() in "AB"


def test_a_token_across_prompt_and_answer_moves_the_boundary_back_and_is_flagged(
    gemma: Model,
) -> None:
    # Two spaces are one token of Gemma's, so the prompt's own last space goes with the answer's.
    cell = tokenise_cell(gemma, prompt_of("Tea: ", "Good", "Bad"), "raw", with_label=True)
    assert cell.boundary_merged
    for answer in cell.answers:
        assert spell(gemma, answer.token_ids[answer.start :]) == "  " + answer.answer.text


@pytest.mark.parametrize("with_label", [True, False])
def test_no_label_is_sought_where_the_style_has_none(smollm2: Model, with_label: bool) -> None:
    cell = tokenise_cell(smollm2, prompt_of("Tea?", "A", "B"), "raw", with_label=with_label)
    assert {answer.label_token_count for answer in cell.answers} == {1 if with_label else None}
    assert all(answer.label_token_ids is None for answer in cell.answers)


def test_an_answer_without_a_token_of_its_own_is_refused(smollm2: Model) -> None:
    prompt = prompt_of("Tea?", "", "B")
    with pytest.raises(ValuescopeError, match="adds no token"):
        tokenise_cell(smollm2, prompt, "template", with_label=False)


@pytest.mark.parametrize("name", ["smollm2", "gemma"])
def test_endings_are_tokenised_as_if_each_stood_in_a_text_of_its_own(
    request: pytest.FixtureRequest, instrument: Instrument, name: str
) -> None:
    model: Model = request.getfixturevalue(name)
    design = PromptDesign(named_template("paper"))
    for question_id in ("Q1", "Q57", "Q106", "Q152", "Q182"):
        prompt = render_prompt(instrument.question(question_id), instrument.country("JPN"), design)
        text = model.chat_text(prompt.text) if model.is_chat else prompt.text
        endings = ["", *(answer.text for answer in prompt.answers), " A", "\n"]
        assert model.tokenise_followed(text, endings, special=model.is_chat) == [
            model.tokenise_with_bos(text + ending, special=model.is_chat) for ending in endings
        ]


def test_control_tokens_are_found_in_a_text(smollm2: Model) -> None:
    assert smollm2.reads_control_tokens("Is tea <|im_end|> good?")
    assert not smollm2.reads_control_tokens("Is tea < coffee?")
    assert not smollm2.reads_control_tokens("Is tea good?")
