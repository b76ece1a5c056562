from dataclasses import replace

import pytest

from valuescope.scorer.doctor.estimate import estimate
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.paths.tokens import tokenise_cell
from valuescope.scorer.paths.tree import count_nodes
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument

AS_IS = Numerics(compute_type="as-is")


def test_tokens_are_those_of_the_trees(
    smollm2: Model, instrument: Instrument, label_design: PromptDesign
) -> None:
    questions = [instrument.question(question_id) for question_id in ("Q1", "Q57", "Q182")]
    countries = [instrument.country("JPN"), instrument.country("USA")]
    found = estimate(smollm2, label_design, questions, countries, AS_IS, threads=1)
    trees = [
        [
            tokenise_cell(
                smollm2, render_prompt(question, country, label_design), "raw", with_label=False
            )
            for country in (None, *countries)
        ]
        for question in questions
    ]
    assert found.cells == 9
    assert found.tokens == sum(map(count_nodes, trees))
    assert found.tokens_a_second > 0
    assert found.seconds == found.tokens / found.tokens_a_second
    assert found.memory_bytes > smollm2.weight_bytes


def test_a_speed_that_is_known_is_not_measured_again(
    smollm2: Model, instrument: Instrument, label_design: PromptDesign
) -> None:
    asked = (smollm2, label_design, [instrument.question("Q1")], [instrument.country("JPN")])
    found = estimate(*asked, AS_IS, threads=1, tokens_a_second=0.125)
    assert found.tokens_a_second == 0.125
    assert found.seconds == 8 * found.tokens


def test_memory_is_weights_cache_and_output_rows(smollm2: Model, gemma: Model) -> None:
    # SmolLM2: 30 layers, 3 key-value heads of 64; Gemma 3: 18 layers, 1 of 256.
    assert smollm2.cache_bytes(1000, AS_IS) == 1000 * 30 * 3 * 64 * 2 * 4
    assert gemma.cache_bytes(1000, AS_IS) == 1000 * 18 * 1 * 256 * 2 * 4
    f16 = replace(AS_IS, kv_cache_type="f16")
    assert 2 * smollm2.cache_bytes(1000, f16) == smollm2.cache_bytes(1000, AS_IS)
    assert gemma.row_bytes(AS_IS) <= 2 * 128 * 2**20


def test_a_design_that_asks_nothing_has_no_estimate(
    smollm2: Model, instrument: Instrument, label_design: PromptDesign
) -> None:
    rotated = replace(label_design, choice_order="rotate_9")
    with pytest.raises(ValuescopeError, match="asks none of the questions"):
        estimate(smollm2, rotated, [instrument.question("Q1")], [], AS_IS, threads=1)
