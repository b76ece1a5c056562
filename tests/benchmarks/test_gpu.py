"""How fast scoring is on a GPU. Skips where llama.cpp finds none.

`CMAKE_ARGS="-DGGML_CUDA=on" make setup`, then `pytest tests/benchmarks/test_gpu.py -m benchmark`.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.conftest import Report
from tests.benchmarks.scoring import prompt_speed, scored, workload_of_shape
from tests.benchmarks.true_shapes import ONE_BILLION, SEVEN_BILLION, Shape
from valuescope.scorer.engine.contexts import has_gpu_support
from valuescope.scorer.engine.numerics import ALL_LAYERS, AS_IS

pytestmark = pytest.mark.benchmark

BATCH_SIZES = (128, 512, 1024, 2048)


@pytest.mark.parametrize("answer_style", ["label", "label_text"])
@pytest.mark.parametrize("shape", [ONE_BILLION, SEVEN_BILLION], ids=lambda shape: shape.name)
def test_scoring_on_a_gpu(
    shape: Shape, answer_style: str, gpu_report: Report, tmp_path: Path
) -> None:
    if not has_gpu_support():
        pytest.skip("llama.cpp finds no GPU here")
    whole = workload_of_shape(shape, answer_style, tmp_path)
    work = replace(whole, questions=whole.questions[:2])
    reading = prompt_speed(work, AS_IS, gpu_layers=ALL_LAYERS)
    for batch_size in BATCH_SIZES:
        run, _ = scored(work, AS_IS, ALL_LAYERS, batch_size)
        speed = run.tokens_decoded / run.seconds_scoring
        gpu_report.add(
            "tokens/s over reading a prompt of 512 tokens: "
            f"{shape.name} (random weights), Q4_0, {answer_style}, batches of {batch_size}",
            f"{speed / reading:.2f} ({speed:,.0f} over {reading:,.0f})",
        )
