"""How fast scoring is, as ratios within one run. Writes docs/benchmark.md and its plot."""

from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from tests.benchmarks.conftest import Report
from tests.benchmarks.scoring import (
    choices,
    chosen_by_auto,
    distinct_nodes,
    eval_loop,
    forecast,
    multiple_choice_tool,
    prompt_speed,
    scored,
    seconds_without_a_process,
    survey_tokens,
    workload,
    workload_of_shape,
)
from tests.benchmarks.true_shapes import ONE_BILLION, SEVEN_BILLION, Shape
from valuescope.scorer.planning.forecast import duration

pytestmark = pytest.mark.benchmark

SMOLLM2, GEMMA = "smollm2-135m-instruct", "gemma-3-270m"
LOOP_GOALS = {"label": "60", "label_text": "14"}
TOOL_GOALS = {"label": "14", "label_text": "5"}
COMPUTE_TYPES = ("f32", "as-is")
PAIRS = 5
FORECAST_GOAL = "tokens within 15%, time 25%, memory 10%"


@pytest.mark.parametrize("answer_style", ["label", "label_text"])
@pytest.mark.parametrize("model_name", [SMOLLM2, GEMMA])
def test_scoring(model_name: str, answer_style: str, report: Report) -> None:
    work = workload(model_name, answer_style)
    name = f"{model_name}, {answer_style}"
    loops = {kind: eval_loop(work, kind, keep_all_logits=True) for kind in COMPUTE_TYPES}
    found = {kind: scored(work, kind) for kind in COMPUTE_TYPES}
    runs = {kind: run for kind, (run, _) in found.items()}
    answers = {kind: log_likelihoods for kind, (_, log_likelihoods) in found.items()}
    prompt = {kind: prompt_speed(work, kind) for kind in COMPUTE_TYPES}
    speeds = {kind: choices(work) / run.seconds_scoring for kind, run in runs.items()}
    f32 = runs["f32"]
    _add_ratios(report, f"an `eval` loop that keeps all logits: {name}", speeds, loops)
    if answer_style == "label":
        careful = {kind: eval_loop(work, kind, keep_all_logits=False) for kind in COMPUTE_TYPES}
        what = f"an `eval` loop that keeps the last logits only: {name}"
        _add_ratios(report, what, speeds, careful, LOOP_GOALS[answer_style])
    decoded = {kind: run.tokens_decoded / run.seconds_scoring for kind, run in runs.items()}
    report.speeds += [(f"{name}, {kind}", prompt[kind], decoded[kind]) for kind in COMPUTE_TYPES]
    report.add(
        f"tokens/s over reading a prompt of 512 tokens: {name}",
        ", ".join(f"{decoded[kind] / prompt[kind]:.2f} {kind}" for kind in COMPUTE_TYPES),
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
        ", ".join(f"{run.path_difference:.1e} {kind}" for kind, run in runs.items()),
    )
    apart = np.abs(answers["as-is"] - answers["f32"])
    report.add(
        f"numerical noise, nats an answer, as-is against f32: {name}",
        f"{apart.mean():.2f} on average, {apart.max():.2f} at most",
    )
    assert f32.tokens_decoded <= nodes
    assert speeds["f32"] > loops["f32"]


@pytest.mark.parametrize("answer_style", ["label", "label_text"])
@pytest.mark.parametrize("model_name", [SMOLLM2, GEMMA])
def test_the_multiple_choice_tool(model_name: str, answer_style: str, report: Report) -> None:
    work = workload(model_name, answer_style, chat_mode="raw")
    name = f"{model_name}, raw, {answer_style}"
    tools = {kind: multiple_choice_tool(work, kind) for kind in COMPUTE_TYPES}
    speeds = {kind: choices(work) / scored(work, kind)[0].seconds_scoring for kind in COMPUTE_TYPES}
    what = f"llama.cpp's multiple-choice scorer in C++: {name}"
    _add_ratios(report, what, speeds, tools, TOOL_GOALS[answer_style])
    assert speeds["f32"] > tools["f32"]


@pytest.mark.parametrize("compute_type", COMPUTE_TYPES)
@pytest.mark.parametrize("model_name", [SMOLLM2, GEMMA])
def test_the_forecast(model_name: str, compute_type: str, report: Report) -> None:
    found = forecast(workload(model_name, "label_text"), compute_type)
    report.add(
        f"`--dry-run` over what came: {model_name}, label_text, {compute_type}",
        found.shown,
        FORECAST_GOAL,
    )
    assert found.run.cells_scored == found.estimate.cells


@pytest.mark.parametrize(
    ("shape", "compute_type"),
    [(ONE_BILLION, "as-is"), (ONE_BILLION, "f32"), (SEVEN_BILLION, "as-is")],
)
def test_large_models(shape: Shape, compute_type: str, report: Report, tmp_path: Path) -> None:
    """Few prompts, because a token of 7B takes a tenth of a second."""
    whole = workload_of_shape(shape, "label", tmp_path)
    work = replace(whole, questions=whole.questions[:1], countries=whole.countries[:24])
    name = f"{shape.name} (true shape, random weights), Q4_0, label, {compute_type}"
    found = forecast(work, compute_type)
    speed = found.run.tokens_decoded / found.run.seconds_scoring
    report.add(f"`--dry-run` over what came: {name}", found.shown, FORECAST_GOAL)
    reading = prompt_speed(work, compute_type, tries=2)
    report.add(f"tokens/s over reading a prompt of 512 tokens: {name}", f"{speed / reading:.2f}")
    report.speeds.append((f"{shape.name}, label, {compute_type}", reading, speed))
    tokens = survey_tokens(work, found.estimate)
    report.notes.append(
        f"{name}: {speed:.1f} tokens/s over {found.run.tokens_decoded} tokens. The survey's "
        f"{tokens / 1e6:.2f} million tokens (estimated from its texts) take "
        f"{duration(tokens / speed)} at that speed: extrapolated, not measured.\n"
    )
    assert found.run.cells_scored == found.estimate.cells


@pytest.mark.parametrize("model", [SMOLLM2, GEMMA, ONE_BILLION, SEVEN_BILLION], ids=str)
def test_what_auto_computes(model: str | Shape, report: Report, tmp_path: Path) -> None:
    if isinstance(model, Shape):
        name, work = model.name, workload_of_shape(model, "label", tmp_path)
    else:
        name, work = model, workload(model, "label")
    chosen = chosen_by_auto(work)
    report.add(f"`--compute auto`: {name}", f"`{chosen.compute_type}`. {chosen.reason}")
    assert chosen.reason


def _add_ratios(
    report: Report, peer: str, ours: dict[str, float], theirs: dict[str, float], goal: str = ""
) -> None:
    """Add a line: each side on the same weights in the same precision, and ours at our best."""
    alike = ", ".join(
        f"{ours[kind] / theirs[kind]:.1f}x both {kind} ({ours[kind]:.0f} over {theirs[kind]:.2f})"
        for kind in ours
    )
    across = f"{ours['f32'] / theirs['as-is']:.1f}x f32 over as-is"
    report.add(f"choices/s over {peer}", f"{alike}; {across}", f"{goal}x" if goal else "")


def test_the_engines_process(report: Report) -> None:
    """Labels have the most rows for their tokens, so they cost the most to hand over."""
    work = workload(SMOLLM2, "label")
    ratios = []
    for _ in range(PAIRS):
        alone = seconds_without_a_process(work, "f32")
        ratios.append(scored(work, "f32")[0].seconds_scoring / alone)
    report.add(
        f"time with the engine in a process of its own over time without: {SMOLLM2}, label, f32",
        f"{median(ratios):.3f} (median of {PAIRS} pairs, {min(ratios):.3f} to {max(ratios):.3f})",
        "1.02",
    )
    assert median(ratios) > 0
