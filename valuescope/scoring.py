"""Run a plan of models and designs: one progress display, one failure does not stop the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import Progress, TaskID

from scorer.design import PromptDesign
from scorer.engine import Numerics
from scorer.estimate import Estimate, estimate
from scorer.models import resolve_model
from scorer.run import RunSummary, ScoringSession
from scorer.study import Plan
from valuescope.console import cell_progress, say
from warehouse.errors import ValuescopeError
from warehouse.home import Home
from warehouse.instrument import Instrument
from warehouse.sending import Sender


@dataclass(frozen=True)
class Settings:
    """How to compute; everything about a run that is not what is asked of whom."""

    numerics: Numerics
    threads: int
    path: str = "auto"
    limit: int | None = None
    verbose: bool = False


@dataclass(frozen=True)
class PlannedRun:
    """One line of a dry run; `problem` says why there is no estimate."""

    model_name: str
    design: PromptDesign
    compute_type: str | None
    estimate: Estimate | None
    problem: str | None


def run_plan(
    home: Home,
    instrument: Instrument,
    plan: Plan,
    settings: Settings,
    sender: Sender | None = None,
) -> None:
    """Score all of `plan`, model by model, and say what landed; `sender` sends it after each run.

    Raises ValuescopeError at the end when a run has failed, naming each; Ctrl-C stops all.
    """
    failures: list[ValuescopeError] = []
    runs = len(plan.models) * len(plan.designs)
    _tell_unworded(plan)
    with cell_progress() as progress:
        display = _Display(progress, plan)
        for name in plan.models:
            with (
                _collected(failures, name, runs),
                _session(home, instrument, name, settings) as session,
            ):
                for design in plan.designs:
                    with _collected(failures, f"{name}, prompt {design.prompt_id}", runs):
                        display.start(name, design)
                        with _sent(sender):
                            summary = session.score(
                                design,
                                plan.questions,
                                plan.countries,
                                limit=settings.limit,
                                study=plan.study,
                                on_progress=display.tell,
                            )
                        print_summary(summary)
                    display.finish()
    if len(failures) == 1 and runs == 1:
        raise failures[0]
    if failures:
        lines = "\n  ".join(str(failure) for failure in failures)
        raise ValuescopeError(
            f"{len(failures)} of {runs} runs failed; the others have landed.\n  {lines}"
        )


def plan_runs(
    home: Home, instrument: Instrument, plan: Plan, settings: Settings
) -> Iterator[PlannedRun]:
    """What each run of `plan` will take, from a short measurement of each model."""
    _tell_unworded(plan)
    for name in plan.models:
        try:
            with _session(home, instrument, name, settings) as session:
                for design in plan.designs:
                    found, problem = None, None
                    try:
                        found = estimate(
                            session.model,
                            design,
                            plan.questions,
                            plan.countries,
                            session.numerics,
                            settings.threads,
                        )
                    except ValuescopeError as error:
                        problem = str(error)
                    yield PlannedRun(name, design, session.numerics.compute_type, found, problem)
        except ValuescopeError as error:
            for design in plan.designs:
                yield PlannedRun(name, design, None, None, str(error))


def print_summary(summary: RunSummary) -> None:
    """Say what one run did."""
    seconds = (summary.finished_at - summary.started_at).total_seconds()
    rate = f" ({summary.cells_scored / seconds:.1f} cells/s)" if summary.cells_scored else ""
    say(
        f"{summary.model_name}, prompt {summary.prompt_id}: {summary.cells_scored} cells scored in "
        f"{seconds:.0f} s{rate}, {summary.cells_already_done} were there already, "
        f"{summary.tokens_decoded} tokens decoded on the {summary.scoring_path} path."
    )
    if summary.path_difference is not None:
        say(
            f"On the probe the {summary.scoring_path} path differs from single sequences by at "
            f"most {summary.path_difference:.2g} nats an answer: the numerical noise of this run."
        )
    if summary.mean_off_choice_mass is not None:
        say(f"Probability that begins no choice: {summary.mean_off_choice_mass:.1%} on average.")
    if summary.boundary_merged_cells:
        say(
            f"In {summary.boundary_merged_cells} cells the tokenizer merges the prompt's end with "
            "the answer; they are marked boundary_merged."
        )
    left = summary.cells_planned - summary.cells_already_done - summary.cells_scored
    if left:
        say(f"{left} cells are left by --limit; repeat the command to score more.")


class _Display:
    """A bar for the run in hand and, where there are several, one for all of them."""

    def __init__(self, progress: Progress, plan: Plan) -> None:
        self._progress = progress
        self._cells = {
            design.prompt_id: sum(
                design.asks(question, place)
                for question in plan.questions
                for place in (None, *plan.countries)
            )
            for design in plan.designs
        }
        runs = len(plan.models) * len(plan.designs)
        self._all: TaskID | None = None
        if runs > 1:
            total = len(plan.models) * sum(self._cells.values())
            self._all = progress.add_task(f"all {runs} runs", total=total)
        self._before = self._planned = 0
        self._run: TaskID | None = None

    def start(self, model_name: str, design: PromptDesign) -> None:
        self._planned = self._cells[design.prompt_id]
        label = model_name
        if self._all is not None:
            label += f" {design.answer_style} {design.choice_order}"
        self._run = self._progress.add_task(label, total=self._planned)

    def tell(self, done: int, planned: int) -> None:
        if self._run is not None:
            self._progress.update(self._run, completed=done, total=planned)
        if self._all is not None:
            self._progress.update(self._all, completed=self._before + done)

    def finish(self) -> None:
        self._before += self._planned
        if self._all is not None and self._run is not None:
            self._progress.remove_task(self._run)
            self._progress.update(self._all, completed=self._before)


@contextmanager
def _collected(failures: list[ValuescopeError], what: str, runs: int) -> Iterator[None]:
    """Keep an error for the end, so that the other runs go on."""
    try:
        yield
    except ValuescopeError as error:
        failures.append(error if runs == 1 else ValuescopeError(f"{what}: {error}"))
        if runs > 1:
            say(f"Failed: {what}: {error}")


@contextmanager
def _sent(sender: Sender | None) -> Iterator[None]:
    """Send what has landed, however the run ends. A place that is gone stops no scoring."""
    try:
        yield
    finally:
        if sender is not None:
            try:
                sender.send()
            except ValuescopeError as error:
                say(f"Not sent yet, kept here: {error}")


def _session(home: Home, instrument: Instrument, name: str, settings: Settings) -> ScoringSession:
    return ScoringSession(
        home,
        resolve_model(name, home, instrument),
        numerics=settings.numerics,
        threads=settings.threads,
        path=settings.path,
        verbose=settings.verbose,
        on_notice=say,
    )


def _tell_unworded(plan: Plan) -> None:
    """Say which questions a wording set leaves out."""
    for wordings in {design.wordings.name: design.wordings for design in plan.designs}.values():
        coding_id = plan.designs[0].coding_id
        unworded = wordings.unworded(plan.questions, coding_id, plan.countries)
        if unworded:
            say(
                f"{len(unworded)} questions have no words in the wording set '{wordings.name}' and "
                f"are not asked in it: {', '.join(q.question_id for q in unworded[:10])}"
                + (" .." if len(unworded) > 10 else "")
            )
