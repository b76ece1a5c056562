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


def test_memory_is_what_llama_cpp_sets_aside_beside_what_the_process_holds(smollm2: Model) -> None:
    # SmolLM2: 30 layers, 3 key-value heads of 64, each with keys and values.
    cache = 1024 * 30 * 3 * 64 * 2
    found = {}
    for kind, size in (("f32", 4), ("f16", 2)):
        numerics = replace(AS_IS, kv_cache_type=kind)
        with smollm2.new_context(1024, numerics, threads=1) as context:
            found[kind] = smollm2.memory_bytes(context)
            assert context.buffer_bytes > cache * size
    assert found["f32"] - found["f16"] == pytest.approx(2 * cache, rel=0.02)
    assert smollm2.weight_bytes == pytest.approx(smollm2.path.stat().st_size, rel=0.03)
    # llama.cpp and this process hold more than the weights.
    assert found["f16"] > smollm2.weight_bytes + (50 << 20)


def test_a_design_that_asks_nothing_has_no_estimate(
    smollm2: Model, instrument: Instrument, label_design: PromptDesign
) -> None:
    rotated = replace(label_design, choice_order="rotate_9")
    with pytest.raises(ValuescopeError, match="asks none of the questions"):
        estimate(smollm2, rotated, [instrument.question("Q1")], [], AS_IS, threads=1)
