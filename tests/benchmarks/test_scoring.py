"""How fast scoring is, as ratios within one run. Writes docs/benchmark.md and its plot."""

from statistics import median

import pytest

from tests.benchmarks.conftest import Report
from tests.benchmarks.scoring import (
    choices,
    distinct_nodes,
    eval_loop,
    multiple_choice_tool,
    peak_memory,
    prompt_speed,
    scored,
    seconds_without_a_process,
    workload,
)

pytestmark = pytest.mark.benchmark

SMOLLM2, GEMMA = "smollm2-135m-instruct", "gemma-3-270m"
LOOP_GOALS = {"label": "60", "label_text": "14"}
TOOL_GOALS = {"label": "14", "label_text": "5"}
# The paper's grid: 209 questions, 55 countries and the prompt without one.
PAPER_CELLS = 209 * 56
SEVEN_BILLION = 7e9
PAIRS = 5


@pytest.mark.parametrize("answer_style", ["label", "label_text"])
@pytest.mark.parametrize("model_name", [SMOLLM2, GEMMA])
def test_scoring(model_name: str, answer_style: str, report: Report) -> None:
    work = workload(model_name, answer_style)
    name = f"{model_name}, {answer_style}"
    loop = eval_loop(work, keep_all_logits=True).choices_a_second
    f32, as_is = scored(work, "f32"), scored(work, "as-is")
    prompt = {compute_type: prompt_speed(work, compute_type) for compute_type in ("f32", "as-is")}
    speed = choices(work) / f32.seconds_scoring
    as_is_speed = choices(work) / as_is.seconds_scoring
    goal = LOOP_GOALS[answer_style]
    report.add(
        f"choices/s over an `eval` loop that keeps all logits: {name}",
        f"{speed / loop:.0f}x in f32, {as_is_speed / loop:.0f}x as-is "
        f"({speed:.0f} and {as_is_speed:.0f} over {loop:.2f})",
        f"{goal}x",
    )
    report.bars += [
        (f"{name}: tree, f32", speed),
        (f"{name}: tree, as-is", as_is_speed),
        (f"{name}: eval loop", loop),
    ]
    if answer_style == "label":
        short = eval_loop(work, keep_all_logits=False).choices_a_second
        report.add(
            f"choices/s over an `eval` loop that keeps the last logits only: {name}",
            f"{speed / short:.0f}x in f32, {as_is_speed / short:.0f}x as-is",
        )
    report.add(
        f"tokens/s over reading a prompt of 512 tokens: {name}",
        ", ".join(
            f"{run.tokens_decoded / run.seconds_scoring / prompt[compute_type]:.2f} {compute_type}"
            for compute_type, run in (("f32", f32), ("as-is", as_is))
        ),
        "0.95" if answer_style == "label" else "",
    )
    nodes = distinct_nodes(work)
    report.add(
        f"tokens decoded over distinct tree nodes: {name}",
        f"{f32.tokens_decoded / nodes:.3f}",
        "1.0",
    )
    report.add(
        f"time outside decoding and output rows: {name}",
        f"{1 - f32.seconds_decoding / f32.seconds_scoring:.1%}",
        "3%",
    )
    report.add(
        f"numerical noise, nats an answer against single sequences: {name}",
        f"{f32.path_difference:.1e} f32, {as_is.path_difference:.1e} as-is",
    )
    if model_name == SMOLLM2:
        tokens = PAPER_CELLS * nodes / f32.cells_scored
        hours = tokens / as_is.tokens_decoded * as_is.seconds_scoring / 3600
        larger = SEVEN_BILLION / 134_515_008
        loop_hours = PAPER_CELLS * choices(work) / f32.cells_scored / loop / 3600
        report.notes.append(
            f"Extrapolated, not measured: the paper's grid of {PAPER_CELLS:,} prompts with "
            f"{answer_style} answers is {tokens / 1e6:.1f} million tokens. A 7B Q4 model takes "
            f"{larger:.0f} times the arithmetic a token of SmolLM2 as-is, so about "
            f"{hours * larger:.0f} hours on this machine; the `eval` loop, scaled likewise, "
            f"{loop_hours * larger / 24:.0f} days.\n"
        )
    assert f32.tokens_decoded <= nodes
    assert speed > loop


@pytest.mark.parametrize("answer_style", ["label", "label_text"])
def test_the_multiple_choice_tool(answer_style: str, report: Report) -> None:
    work = workload(SMOLLM2, answer_style, chat_mode="raw")
    tool = multiple_choice_tool(work).choices_a_second
    speeds = {
        compute_type: choices(work) / scored(work, compute_type).seconds_scoring
        for compute_type in ("f32", "as-is")
    }
    report.add(
        f"choices/s over llama.cpp's multiple-choice scorer in C++: {SMOLLM2}, raw, {answer_style}",
        f"{speeds['f32'] / tool:.1f}x in f32, {speeds['as-is'] / tool:.1f}x as-is "
        f"({speeds['f32']:.0f} and {speeds['as-is']:.0f} over {tool:.1f})",
        f"{TOOL_GOALS[answer_style]}x",
    )
    report.bars += [
        (f"{SMOLLM2}, raw, {answer_style}: tree, f32", speeds["f32"]),
        (f"{SMOLLM2}, raw, {answer_style}: llama.cpp in C++", tool),
    ]
    assert speeds["f32"] > tool


def test_the_engines_process(report: Report) -> None:
    """Labels have the most rows for their tokens, so they cost the most to hand over."""
    work = workload(SMOLLM2, "label")
    ratios = []
    for _ in range(PAIRS):
        alone = seconds_without_a_process(work, "f32")
        ratios.append(scored(work, "f32").seconds_scoring / alone)
    report.add(
        f"time with the engine in a process of its own over time without: {SMOLLM2}, label, f32",
        f"{median(ratios):.3f} (median of {PAIRS} pairs, {min(ratios):.3f} to {max(ratios):.3f})",
        "1.02",
    )
    assert median(ratios) > 0


def test_memory(report: Report) -> None:
    above = peak_memory(GEMMA, "label_text")
    report.add(
        f"peak memory above weights and key-value cache: {GEMMA}, label_text",
        f"{above / 2**20:.0f} MiB",
        "512 MiB",
    )
    assert above > 0
