"""What the doctor finds in real models, and in models that something is wrong with."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import pytest

from valuescope.scorer.doctor import examine as doctor
from valuescope.scorer.doctor.examination import Check, Examination
from valuescope.scorer.doctor.examine import examine, load_known_answers, opens_a_thought
from valuescope.scorer.engine.numerics import Numerics, default_threads
from valuescope.scorer.engine.weights import written_files
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.paths.path import AnswerScore, CellScore
from valuescope.scorer.paths.tokens import TokenisedCell
from valuescope.scorer.paths.tree import TreeScorer
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

AS_IS = Numerics(compute_type="as-is")
ASK_FOR_LABELS = PromptDesign(named_template("paper"), answer_style="label")
WINDOW = 512


@pytest.fixture(scope="module")
def doctors_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("doctor"))


@pytest.fixture(scope="module")
def chat_model(doctors_home: Home, smollm2_file: ModelFile, instrument: Instrument) -> Examination:
    return examine(
        doctors_home,
        smollm2_file,
        instrument,
        ASK_FOR_LABELS,
        numerics=Numerics(compute_type="f32"),
        threads=default_threads(),
        question_count=3,
    )


def examine_quickly(home: Home, model_file: ModelFile, instrument: Instrument) -> Examination:
    """With few questions and too little memory to write any model's weights out."""
    few = load_known_answers()[:2]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "sysconf", lambda name: 1)
        monkeypatch.setattr(doctor, "load_known_answers", lambda: few)
        return examine(
            home,
            model_file,
            instrument,
            ASK_FOR_LABELS,
            numerics=AS_IS,
            threads=default_threads(),
            question_count=1,
        )


def check(examination: Examination, name: str) -> Check:
    return next(check for check in examination.checks if check.name == name)


def test_a_sound_model_passes_every_check(chat_model: Examination) -> None:
    assert [check.name for check in chat_model.checks] == [
        "computation",
        "model file",
        "chat template",
        "beginning of sequence",
        "answer boundary",
        "scoring path",
        "sliding window",
        "known answers",
        "off-choice mass",
    ]
    assert chat_model.problems == ()


def test_a_model_is_described_by_its_own_file(chat_model: Examination) -> None:
    assert chat_model.model_name == "smollm2-135m-instruct"
    assert chat_model.description.quantization == "Q4_1"
    assert chat_model.is_chat
    assert (chat_model.compute_type, chat_model.scoring_path) == ("f32", "tree")


def test_what_the_chat_template_puts_around_the_question_is_shown(
    chat_model: Examination,
) -> None:
    detail = check(chat_model, "chat template").detail
    assert r"<|im_start|>user\n' and '<|im_end|>\n<|im_start|>assistant\n'" in detail


def test_a_small_model_may_guess_the_known_answers(chat_model: Examination) -> None:
    found = check(chat_model, "known answers")
    assert found.status in ("ok", "warning")
    assert " of 12 right, chance is 3; probability 0." in found.detail
    assert found.detail.endswith("chance is 0.25.") == (found.status == "ok")


def test_noise_is_measured_in_nats_and_in_r_one_change_at_a_time(
    chat_model: Examination,
) -> None:
    assert [measurement.scored_by for measurement in chat_model.noise] == [
        "tree path",
        "tree path, batches of 32",
        "tree path, f16 cache",
        "tree path, flash attention",
    ]
    for measurement in chat_model.noise:
        difference = measurement.difference
        assert difference is not None
        assert 0 < difference.mean <= difference.largest < 0.1
        assert difference.pearson_r == pytest.approx(1, abs=1e-3)
    path, _, f16, attention = (m.difference.largest for m in chat_model.noise if m.difference)
    assert path < min(f16, attention) / 10


def test_compute_types_are_compared_with_float32_in_speed_and_noise(
    chat_model: Examination,
) -> None:
    as_is, f32, f16 = chat_model.computations
    assert [m.compute_type for m in (as_is, f32, f16)] == ["as-is", "f32", "f16"]
    assert as_is.difference is not None
    assert f32.difference is not None
    assert f16.difference is not None
    assert f32.difference.largest == 0
    assert f32.difference.pearson_r == pytest.approx(1)
    assert 0 < f16.difference.mean < as_is.difference.mean
    for measurement in (as_is, f32, f16):
        assert measurement.tokens_a_second is not None
        assert measurement.tokens_a_second > 0


@pytest.mark.usefixtures("chat_model")
def test_written_weights_that_scoring_would_not_use_are_removed_again(
    doctors_home: Home, smollm2_file: ModelFile
) -> None:
    kept = [file.name for file in written_files(doctors_home)]
    assert f"{smollm2_file.model_id}.f32.gguf" in kept
    assert f"{smollm2_file.model_id}.f16.gguf" not in kept


@pytest.fixture(scope="module")
def without_template(
    doctors_home: Home, shallow_gemma_file: ModelFile, instrument: Instrument
) -> Examination:
    assert shallow_gemma_file.registered is not None
    as_chat = replace(shallow_gemma_file.registered, is_chat=True)
    declared = replace(shallow_gemma_file, registered=as_chat)
    return examine_quickly(doctors_home, declared, instrument)


def test_a_chat_model_without_a_template_is_a_problem_and_stops_no_other_check(
    without_template: Examination,
) -> None:
    (problem,) = without_template.problems
    assert problem.name == "chat template"
    assert "--chat raw. All else was examined in plain text." in problem.detail
    assert len(without_template.checks) == 9
    assert check(without_template, "beginning of sequence").detail == (
        "Prompts begin with one '<bos>'."
    )


def test_a_sliding_window_is_tried_on_a_prompt_that_is_longer(
    without_template: Examination,
) -> None:
    found = check(without_template, "sliding window")
    assert found.status == "ok"
    assert found.detail.startswith(f"{WINDOW} tokens; on a made prompt of ")
    made = int(found.detail.split("a made prompt of ")[1].split()[0])
    assert made > WINDOW * 1.25


def test_without_memory_for_float32_the_file_is_measured_alone(
    without_template: Examination,
) -> None:
    (as_is,) = without_template.computations
    assert as_is.tokens_a_second is not None
    assert as_is.difference is None


def test_a_path_that_forgets_what_left_the_window_is_told(
    doctors_home: Home,
    shallow_gemma_file: ModelFile,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = TreeScorer.score

    def forgetful(
        self: TreeScorer, questions: Iterable[Sequence[TokenisedCell]]
    ) -> Iterator[CellScore]:
        questions = list(questions)
        for cell, score in zip(chain(*questions), right(self, questions), strict=True):
            is_long = len(cell.answers[0].token_ids) > WINDOW
            yield CellScore((AnswerScore((-99.0,), None),) * 2, 0.0) if is_long else score

    monkeypatch.setattr(TreeScorer, "score", forgetful)
    examination = examine_quickly(doctors_home, shallow_gemma_file, instrument)
    assert check(examination, "chat template").detail == "A base model, asked in plain text."
    assert check(examination, "scoring path").status == "ok"
    found = check(examination, "sliding window")
    assert found.status == "warning"
    assert found.detail.startswith(f"{WINDOW} tokens. Beyond them: The tree path is wrong for ")
    assert found.detail.endswith("Score prompts that long with --path copies.")


def test_a_design_that_asks_nothing_is_refused(
    home: Home, smollm2_file: ModelFile, instrument: Instrument
) -> None:
    design = replace(ASK_FOR_LABELS, choice_order="rotate_20")
    with pytest.raises(ValuescopeError, match=r"asks no question .* its order is rotate_20"):
        examine(home, smollm2_file, instrument, design, numerics=AS_IS, threads=1)


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("<think>", True),
        ("[THINK]", True),
        ("<seed:think>", True),
        ("<|channel|>", True),
        ("\n<thought>", True),
        (" think", False),
        ("<|im_end|>", False),
        ("A", False),
    ],
)
def test_a_thought_is_known_by_how_it_opens(piece: str, expected: bool) -> None:
    assert opens_a_thought(piece) is expected


def test_each_known_answer_is_one_of_four_and_each_place_is_right_equally_often() -> None:
    items = load_known_answers()
    assert len({item.question for item in items}) == len(items) == 12
    assert all(len(set(item.choices)) == 4 for item in items)
    assert Counter(item.right for item in items) == dict.fromkeys((1, 2, 3, 4), 3)
