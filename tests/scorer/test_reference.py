"""Log-likelihoods against transformers, another implementation, reading the same GGUF files.

Its figures lie in a fixture, so that the tests need no PyTorch; `make reference` computes them
anew.
"""

import json
from collections.abc import Iterable
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from tests.scorer.reference.cells import QUESTIONS, all_rows, question_cells
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics, default_threads
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.paths.path import CellScore
from valuescope.scorer.paths.sequence import SequenceScorer
from valuescope.scorer.paths.tree import TreeScorer
from valuescope.scorer.planning.design import ANSWER_STYLES
from valuescope.warehouse.instruments.seeds import Instrument

FIXTURE = Path(__file__).parent / "reference" / "transformers.json"
# In nats an answer. Gemma's is wider because llama.cpp reads its GELU from a table of
# half-precision numbers; SmolLM2 has no GELU.
TOLERANCES = {"smollm2": 1e-4, "gemma": 1e-2}

by_model = pytest.mark.parametrize("name", TOLERANCES)


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FIXTURE.read_text(encoding="utf-8"))
    return content


@by_model
def test_the_reference_was_computed_from_the_file_that_is_scored(
    request: pytest.FixtureRequest, reference: dict[str, Any], name: str
) -> None:
    model_file: ModelFile = request.getfixturevalue(f"{name}_file")
    assert reference["sha256"][model_file.name] == model_file.model_id


@by_model
def test_token_ids_are_those_that_the_reference_scored(
    request: pytest.FixtureRequest, reference: dict[str, Any], instrument: Instrument, name: str
) -> None:
    model: Model = request.getfixturevalue(name)
    expected = [
        {key: value for key, value in cell.items() if key != "log_likelihoods"}
        for cell in reference["cells"]
        if cell["model"] == model.name
    ]
    assert list(all_rows(model, instrument)) == expected


@pytest.mark.parametrize("style", ANSWER_STYLES)
@by_model
def test_log_likelihoods_of_exact_weights_are_those_of_transformers(
    request: pytest.FixtureRequest,
    reference: dict[str, Any],
    instrument: Instrument,
    numerics: Numerics,
    name: str,
    style: str,
) -> None:
    exact: Model = request.getfixturevalue(f"exact_{name}")
    model_file: ModelFile = request.getfixturevalue(f"{name}_file")
    cells = {
        question_id: question_cells(exact, instrument, question_id, style)
        for question_id in QUESTIONS
    }
    expected = {
        question_id: [
            fsum(answer)
            for cell in reference["cells"]
            if (cell["model"], cell["style"], cell["question"])
            == (model_file.name, style, question_id)
            for answer in cell["log_likelihoods"]
        ]
        for question_id in QUESTIONS
    }
    with exact.new_context(768, numerics, default_threads(), sequences=64) as context:
        found = answers(TreeScorer(context).score(cells.values()))
        assert found == pytest.approx(
            [value for values in expected.values() for value in values], abs=TOLERANCES[name]
        )
        # Single sequences take long; the tree is compared with them in test_paths.py.
        alone = answers(SequenceScorer(context).score([cells["Q57"]]))
        assert alone == pytest.approx(expected["Q57"], abs=TOLERANCES[name])


def answers(scores: Iterable[CellScore]) -> list[float]:
    return [answer.log_likelihood for score in scores for answer in score.answers]
