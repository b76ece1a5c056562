from dataclasses import replace

import pytest

from valuescope.scorer.doctor.describe import describe_prompt
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument

DESIGN = PromptDesign(named_template("paper"))


def test_a_chat_prompt_is_shown_with_its_template_and_where_each_answer_starts(
    smollm2_file: ModelFile, smollm2: Model, instrument: Instrument
) -> None:
    question = instrument.question("Q182")
    shown = describe_prompt(smollm2_file, question, instrument.country("JPN"), DESIGN)
    assert shown.model_path == str(smollm2_file.path)
    assert shown.prompt_id == DESIGN.prompt_id
    assert question.wording in shown.text
    assert shown.text.endswith("In Japan, Answer:<|im_end|>\n<|im_start|>assistant\n")
    assert [answer.choice_index for answer in shown.answers] == list(range(1, 11))
    for answer in shown.answers:
        prompt, own = (
            answer.token_ids[: answer.answer_start],
            answer.token_ids[answer.answer_start :],
        )
        assert "".join(map(smollm2.piece, prompt)) == shown.text
        assert "".join(map(smollm2.piece, own)) == answer.text
        assert answer.answer_tokens == tuple(map(smollm2.piece, own))


def test_a_base_prompt_shows_bos_as_its_first_token_but_not_in_its_text(
    gemma_file: ModelFile, gemma: Model, instrument: Instrument
) -> None:
    shown = describe_prompt(gemma_file, instrument.question("Q182"), None, DESIGN)
    assert shown.text.endswith("10 (Always justifiable)\nAnswer:")
    for answer in shown.answers:
        assert answer.token_ids[0] == gemma.bos
        assert answer.token_ids.count(gemma.bos) == 1
        assert answer.text.startswith(" ")


def test_a_chat_model_can_be_shown_raw(smollm2_file: ModelFile, instrument: Instrument) -> None:
    raw = replace(DESIGN, chat_mode="raw")
    shown = describe_prompt(smollm2_file, instrument.question("Q1"), None, raw)
    assert shown.text.startswith("Question: ")
    assert "<|im_start|>" not in shown.text


def test_a_coding_that_the_question_lacks_is_named(
    smollm2_file: ModelFile, instrument: Instrument
) -> None:
    with pytest.raises(ValuescopeError, match="Q1 has 0 choices in the coding 'none'"):
        describe_prompt(
            smollm2_file, instrument.question("Q1"), None, replace(DESIGN, coding_id="none")
        )
