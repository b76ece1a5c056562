"""What `make bench` measures of studies that are shared out, each beside its plain counterpart."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tests.benchmarks.scoring import Workload, computed, workload
from valuescope.scorer.cluster.connection import THIS_MACHINE, connected
from valuescope.scorer.cluster.driver import (
    Asked,
    ClusterListener,
    ClusterSettings,
    score_on_cluster,
)
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.planning.division import by_model, divide, expand
from valuescope.scorer.planning.study import Plan, choose_countries, choose_questions, design_grid
from valuescope.scorer.runs.run import QUESTIONS_A_BLOCK, RunSummary
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import load_instrument

MODEL = "smollm2-135m-instruct"
F32 = Numerics(compute_type="f32")


@dataclass(frozen=True)
class Planning:
    """How long a plan took, and how much is in it."""

    seconds: float
    tasks: int
    rows: int


def planning(models: int, orders: int) -> Planning:
    """A study of so many models, in two answer styles and so many orders, in 100 parts."""
    instrument = load_instrument()
    with tempfile.TemporaryDirectory() as folder:
        designs = design_grid(
            Home(Path(folder)),
            instrument,
            answers=("label", "label_text"),
            orders=("forward", *(f"rotate_{places}" for places in range(1, orders))),
        )
    plan = Plan(
        models=tuple(f"models/model-{number}-{number % 70 + 1}B.gguf" for number in range(models)),
        designs=designs,
        questions=choose_questions(instrument, None, None),
        countries=choose_countries(instrument, None),
    )
    started = time.perf_counter()
    tasks = expand(plan, instrument)
    divide(tasks, 100)
    seconds = time.perf_counter() - started
    rows = models * sum(
        len(question.choices["native"]) * (1 + len(plan.countries))
        for design in designs
        for question in plan.questions
        if design.allows(question)
    )
    return Planning(seconds, len(tasks), rows)


def work(blocks: int) -> Workload:
    """The first blocks of questions, 66 countries and none, labels only."""
    found = workload(MODEL, "label")
    questions = tuple(load_instrument().questions.values())[: blocks * QUESTIONS_A_BLOCK]
    return Workload(found.model_file, found.is_chat, found.design, questions, found.countries)


def plain_seconds(asked: Workload) -> float:
    """From the first cell to the last row landed, in this process, with one thread."""
    with (
        home_of(asked) as home,
        ScoringSession(home, asked.model_file, numerics=F32, threads=1) as session,
    ):
        return _seconds(session.score(asked.design, asked.questions, asked.countries))


def cluster_seconds(asked: Workload) -> float:
    """The same by one replica on Ray, of one thread too; what starting takes is not counted."""
    instrument = load_instrument()
    plan = Plan((MODEL,), (asked.design,), asked.questions, asked.countries)
    found: list[float] = []
    listener = ClusterListener(
        on_notice=lambda notice: None,
        on_finished=lambda summary: found.append(_seconds(summary)),
        on_failed=_fail,
        on_progress=lambda cells, replicas: None,
    )
    with (
        home_of(asked) as home,
        patch.dict(os.environ, VALUESCOPE_HOME=str(home.path)),
        connected(THIS_MACHINE) as ray,
    ):
        score_on_cluster(
            ray,
            home,
            instrument,
            by_model(expand(plan, instrument)),
            Asked(asked.questions, asked.countries, None, None),
            ClusterSettings(F32, threads=1, gpus=0, path="auto"),
            listener,
        )
    (seconds,) = found
    return seconds


def processes_seconds(asked: Workload, parts: Sequence[str], threads: int) -> float:
    """`valuescope score` for each of `parts` at once, from their start to the last one's end."""
    questions = ", ".join(f'"{question.question_id}"' for question in asked.questions)
    with home_of(asked) as home:
        study = home.path / "study.toml"
        study.write_text(
            f'models = ["{MODEL}"]\nquestions = [{questions}]\n[[designs]]\nanswers = "label"\n'
        )
        started = time.perf_counter()
        running = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "valuescope", "score", "--study", str(study)),
                    *("--part", part, "--threads", str(threads), "--compute", "f32"),
                ],
                cwd=CLONE,
                env=os.environ | {"VALUESCOPE_HOME": str(home.path)},
                stderr=subprocess.DEVNULL,
            )
            for part in parts
        ]
        assert [process.wait() for process in running] == [0] * len(parts)
        return time.perf_counter() - started


@contextmanager
def home_of(asked: Workload) -> Iterator[Home]:
    """A home that has the float32 copy of the model, deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        computed(asked, "f32")
        yield home


def _seconds(summary: RunSummary) -> float:
    return (summary.finished_at - summary.started_at).total_seconds()


def _fail(what: str, error: ValuescopeError) -> None:
    raise error
