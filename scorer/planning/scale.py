"""docs/scale.md: what studies of any size take, computed from the constants in docs/scale.toml.

`python -m valuescope.scorer.planning.scale` writes the page.
"""

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from valuescope.scorer.engine.numerics import BYTES_A_WEIGHT, Numerics
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.forecast import (
    PlannedModel,
    chat_tokens,
    duration,
    estimated_tokens,
)
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.home import CLONE
from valuescope.warehouse.instruments.seeds import DEFAULT_SURVEY, load_instrument

PAGE, CONSTANTS = CLONE / "docs" / "scale.md", CLONE / "docs" / "scale.toml"
STYLES = ("label", "label_text", "text")
# Quantized to four bits a weight, more or less.
_BITS = 4.85
_SIZES = (135e6, 1.5e9, 7e9, 70e9)


@dataclass(frozen=True)
class DesignSize:
    """The size of one model's questioning in one design: all questions, 66 countries and none."""

    answer_style: str
    questions: int
    cells: int
    rows: int
    tokens: int


@dataclass(frozen=True)
class Machine:
    """A machine that scores a study. Speeds are parameters times tokens a second.

    `exact` is with weights in float32, `as_is` as they are in the file; None where the model's
    weights stay as they are.
    """

    name: str
    memory_bytes: float
    exact: float | None
    as_is: float
    count: int
    basis: str


@dataclass(frozen=True)
class StudyCase:
    """A study: how many models of each size, how many designs, and where it is scored."""

    name: str
    models: tuple[tuple[int, float], ...]
    designs: int
    machine: str


STUDIES = (
    StudyCase("three small models, 4 designs", ((1, 135e6), (1, 360e6), (1, 1.5e9)), 4, "laptop"),
    StudyCase("ten models up to 14B, 10 designs", ((4, 1.5e9), (4, 7e9), (2, 14e9)), 10, "gpu"),
    StudyCase(
        "twenty models up to 70B, 10 designs",
        ((4, 1.5e9), (6, 7e9), (6, 14e9), (4, 70e9)),
        10,
        "cluster",
    ),
    StudyCase("1,000 models of 7B, 10 designs", ((1000, 7e9),), 10, "cluster"),
)


def scale_page(constants: Path = CONSTANTS) -> str:
    """Return the whole page."""
    known = tomllib.loads(constants.read_text(encoding="utf-8"))
    asked = {style: asked_in(style) for style in STYLES}
    machines = _machines(known)
    usual = asked["label_text"]
    return Template(_TEXT).substitute(
        asked=_asked_table(asked.values()),
        constants=_constants_table(known),
        machines=_machine_table(machines.values(), usual),
        studies=_study_table(machines, usual, known),
        product=f"{usual.tokens / 1e6:.2f} million tokens x 7 billion parameters",
        countries=usual.cells // usual.questions - 1,
    )


def asked_in(answer_style: str) -> DesignSize:
    """Return the size of the paper's design for a chat model; tokens as they are planned."""
    instrument = load_instrument()
    design = PromptDesign(named_template("paper"), answer_style=answer_style)
    questions = instrument.questions_of_survey(DEFAULT_SURVEY)
    countries = [None, *(c for c in instrument.countries.values() if c.in_wvs7)]
    cells = len(questions) * len(countries)
    tokens = sum(estimated_tokens(design, question, countries) for question in questions)
    return DesignSize(
        answer_style,
        len(questions),
        cells,
        len(countries) * sum(len(question.choices["native"]) for question in questions),
        tokens + chat_tokens(design, len(questions), cells),
    )


def _machines(known: dict[str, Any]) -> dict[str, Machine]:
    core, assumed = known["measured"]["core"], known["assumed"]
    found = {}
    for key, entry in known["machines"].items():
        if "cores" in entry:
            share = entry["cores"] * assumed["core_scaling"]
            exact, as_is = share * core["f32"], share * core["as_is"]
            basis = "core measured, number of cores computed"
        else:
            gpu = assumed["gpus"][entry["gpu"]]
            exact, as_is = None, gpu["parameters"] * gpu["tokens_a_second"] * assumed["gpu_share"]
            basis = "GPU assumed from others' figures"
        found[key] = Machine(
            entry["name"], entry["memory_gb"] * 1e9, exact, as_is, entry.get("count", 1), basis
        )
    return found


def _seconds(machine: Machine, parameters: float, tokens: float) -> float | None:
    """Return how long one machine takes; None if its memory does not hold the model."""
    model = PlannedModel("", round(parameters), _BITS, is_chat=True)
    if machine.exact is not None:
        # float16 weights are read no slower than float32 ones (docs/scoring.md).
        written_out = min(model.memory_bytes(Numerics(kind)) for kind in BYTES_A_WEIGHT)
        if written_out <= machine.memory_bytes / 2:
            return parameters * tokens / machine.exact
    if model.memory_bytes(Numerics(compute_type="as-is")) > machine.memory_bytes:
        return None
    return parameters * tokens / machine.as_is


def _asked_table(asked: Any) -> str:
    return _table(
        ("answers", "cells", "choice rows", "tokens", "tokens a question"),
        [
            (
                f"`{one.answer_style}`",
                f"{one.cells:,}",
                f"{one.rows:,}",
                f"{one.tokens:,}",
                f"{one.tokens / one.questions:,.0f}",
            )
            for one in asked
        ],
    )


def _constants_table(known: dict[str, Any]) -> str:
    measured, assumed = known["measured"], known["assumed"]
    core = measured["core"]
    here = f"measured {measured['on']}, {measured['machine']}"
    rows = [
        ("a core, weights in float32", f"{core['f32'] / 1e9:.1f} billion", here),
        ("a core, weights as in the file", f"{core['as_is'] / 1e9:.1f} billion", here),
        *(
            (
                name,
                f"{gpu['parameters'] * gpu['tokens_a_second'] / 1e12:.0f} trillion",
                f"assumed: {gpu['source']}",
            )
            for name, gpu in assumed["gpus"].items()
        ),
        ("of a GPU's speed with one long prompt, kept", f"{assumed['gpu_share']:.0%}", "assumed"),
        ("of a core's speed, where there are many", f"{assumed['core_scaling']:.0%}", "assumed"),
        ("a choice row in the landing zone", f"{measured['landing_bytes']:.0f} bytes", here),
        (
            "a choice row in the warehouse",
            f"{measured['warehouse_bytes']:.0f} bytes",
            measured["warehouse_source"],
        ),
        (
            "a build, for a million choice rows",
            f"{measured['build_seconds_a_million_rows']:.1f} s",
            measured["build_source"],
        ),
    ]
    return _table(("constant", "value", "where it is from"), rows)


def _machine_table(machines: Any, asked: DesignSize) -> str:
    rows = []
    for machine in machines:
        times = [_seconds(machine, size, asked.tokens) for size in _SIZES]
        rows.append(
            (
                machine.name,
                *("does not fit" if t is None else duration(t / machine.count) for t in times),
                machine.basis,
            )
        )
    return _table(("machine", *(_size(size) for size in _SIZES), "speed"), rows)


def _study_table(machines: dict[str, Machine], asked: DesignSize, known: dict[str, Any]) -> str:
    measured, rows = known["measured"], []
    for study in STUDIES:
        machine = machines[study.machine]
        models = sum(count for count, _ in study.models)
        times = [(count, _seconds(machine, size, asked.tokens)) for count, size in study.models]
        total = sum(count * study.designs * (t or 0) for count, t in times) / machine.count
        choice_rows = asked.rows * models * study.designs
        rows.append(
            (
                study.name,
                machine.name,
                f"{models * study.designs * asked.tokens / 1e6:,.0f} million",
                duration(total),
                _rows(choice_rows),
                _bytes(choice_rows * measured["landing_bytes"]),
                _bytes(choice_rows * measured["warehouse_bytes"]),
                duration(choice_rows / 1e6 * measured["build_seconds_a_million_rows"]),
            )
        )
    header = ("study", "on", "tokens", "scoring", "rows", "landing zone", "warehouse", "build")
    return _table(header, rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _size(parameters: float) -> str:
    return f"{parameters / 1e9:g}B" if parameters >= 1e9 else f"{parameters / 1e6:g}M"


def _rows(count: float) -> str:
    return f"{count / 1e9:.2f} billion" if count >= 1e9 / 2 else f"{count / 1e6:.1f} million"


def _bytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


_TEXT = """\
# Scale

What a study takes, from a laptop to a cluster. Computed by `make scale` from the instrument and the
constants in [scale.toml](scale.toml), which `make bench` measures anew. No GPU has been at hand so
far: what concerns one is computed from figures that others published, and says so.

## The model

Scoring reads prompts, and reading is arithmetic: every token takes every parameter of the model
once. So time = tokens x parameters / speed, with a speed in parameters times tokens a second. The
cells of a question are one token tree ([scoring](scoring.md)): what countries and choices share is
read once. A design over all questions, $countries countries and the prompt without a country, asked
of a chat model in the template `paper`:

$asked

Tokens are estimated from the texts, as for `--part I/N --dry-run`; a test holds them within a
tenth of what the tokenizers of two models give. A model of 7B in one design with `label_text`
answers takes $product.

## Constants

$constants

Speeds are parameters times tokens a second.

## One model, one design

`label_text` answers. Models are quantized to about 4 bits a weight; on processors their weights are
written out in float32 or float16 where that takes at most half of the memory, else computed as they
are.

$machines

All times are computed; what their speed rests on is said in the last column. The time on a cluster
is an eighth of one machine's: of many models, eight are scored at once. Loading comes on top, once
a model for each machine that scores it.

## Whole studies

`label_text` answers. All of it is computed from the tables above.

$studies

8.4 million rows are the most that were built here. A build of more rows than memory holds is
bounded by the disk, and likely takes longer than in proportion. How a study is divided among
machines: [cluster.md](cluster.md).
"""


def main(page: Path = PAGE) -> None:
    """Write the page."""
    page.write_text(scale_page(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
