"""What a design is tried on before it is scored: contexts are sized by tokens."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scorer.tiny_models import write_tiny_model
from valuescope.scorer.engine.numerics import AS_IS, Numerics
from valuescope.scorer.engine.weights import Computation
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.paths import remembered
from valuescope.scorer.paths.path import CellScore
from valuescope.scorer.paths.sequence import SequenceScorer
from valuescope.scorer.paths.tokens import TokenisedCell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.process.opened_design import LoadedModel
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS


@pytest.fixture(scope="module")
def tiny(
    tmp_path_factory: pytest.TempPathFactory, models_home: Home, instrument: Instrument
) -> Iterator[LoadedModel]:
    """A model that reads single bytes."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    write_tiny_model(path, "llama")
    model_file = resolve_model(str(path), models_home, instrument)
    with LoadedModel(model_file, Computation(AS_IS, path), Numerics(AS_IS), threads=1) as loaded:
        yield loaded


# 20 signs of three bytes are longer than any English name; a long wording in one country alone.
WORDINGS = replace(
    OUR_WORDINGS,
    name="mine",
    questions={("Q57", ""): "Is it?", ("Q57", "KEN"): "Is it so? " * 40, ("Q1", ""): "How?"},
    country_names={"JPN": "日" * 20},
)


@pytest.mark.parametrize(("question_ids", "longest"), [(["Q1"], "JPN"), (["Q1", "Q57"], "KEN")])
def test_the_longest_cell_is_the_longest_in_tokens(
    tiny: LoadedModel,
    label_design: PromptDesign,
    instrument: Instrument,
    question_ids: list[str],
    longest: str,
) -> None:
    design = replace(label_design, wordings=WORDINGS)
    questions = [instrument.question(name) for name in question_ids]
    countries = [instrument.country(name) for name in ("JPN", "KEN", "USA")]
    with tiny.open(design, questions, countries) as opened:
        scored = list(opened.score(questions, done=()))
    assert [question.cells for question in scored] == [4] * len(questions)
    lengths = {
        row["country_id"]: len(row["prompt_text"].encode())
        for question in scored
        for row in question.rows
    }
    assert max(lengths, key=lambda country: lengths[country]) == longest
    assert opened.opening.context_size >= lengths[longest] + tiny.numerics.batch_size


def test_a_cell_beyond_the_models_context_is_named_before_anything_is_scored(
    tiny: LoadedModel, label_design: PromptDesign, instrument: Instrument
) -> None:
    wordings = replace(WORDINGS, questions={("Q1", ""): "How?", ("Q1", "KEN"): "Is it? " * 700})
    countries = [instrument.country(name) for name in ("JPN", "KEN")]
    with (
        pytest.raises(ValuescopeError, match=r"Q1 for KEN needs \d+ tokens; tiny was trained for"),
        tiny.open(replace(label_design, wordings=wordings), [instrument.question("Q1")], countries),
    ):
        raise AssertionError("the design should have been refused")


def test_a_design_that_is_opened_again_is_not_tried_again(
    tmp_path: Path,
    models_home: Home,
    label_design: PromptDesign,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "tiny.gguf"
    write_tiny_model(path, "llama")
    model_file = resolve_model(str(path), models_home, instrument)
    questions = [instrument.question("Q1")]
    tried: list[str] = []
    score = SequenceScorer.score

    def counted(
        scorer: SequenceScorer, cells: Iterable[Sequence[TokenisedCell]]
    ) -> Iterator[CellScore]:
        tried.append("a probe")
        return score(scorer, cells)

    def difference(country: str, design: PromptDesign = label_design) -> float | None:
        tried.clear()
        with (
            LoadedModel(
                model_file,
                Computation(AS_IS, path),
                Numerics(AS_IS),
                threads=1,
                tried_paths=tmp_path / "found",
            ) as loaded,
            loaded.open(design, questions, [instrument.country(country)]) as opened,
        ):
            assert opened.opening.scoring_path == "tree"
            return opened.opening.path_difference

    monkeypatch.setattr(SequenceScorer, "score", counted)
    first = difference("DEU")
    assert tried
    assert first is not None
    assert difference("PER") == first  # Peru is shorter than Germany
    assert not tried
    # The United Kingdom is longer, and another design's answers may round otherwise.
    difference("GBR")
    assert tried
    difference("DEU", replace(label_design, choice_order="reverse"))
    assert tried
    difference("DEU")
    assert not tried
    for file in (tmp_path / "found").iterdir():
        file.write_text("{")
    difference("DEU")
    assert tried
    monkeypatch.setattr(remembered, "engine_and_code", lambda: ("compiled anew", "the same"))
    difference("DEU")
    assert tried
