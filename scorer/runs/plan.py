"""Run a plan of models and designs: one progress display, one failure does not stop the rest."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import Progress, TaskID

from valuescope.console import cell_progress, say
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.division import (
    DesignWork,
    ModelWork,
    Part,
    by_model,
    expand,
    tasks_of,
)
from valuescope.scorer.planning.study import Plan
from valuescope.scorer.process.messages import Estimate
from valuescope.scorer.runs.run import RunSummary
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.landing_zone.upload import Sender


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
    part: Part | None = None,
) -> None:
    """Score all of `plan` or one part of it, model by model, and say what landed.

    `sender` sends it after each run.

    Raises ValuescopeError at the end when a run has failed, naming each; Ctrl-C stops all.
    """
    tell_unworded(plan)
    tasks = expand(plan, instrument)
    works = by_model(tasks if part is None else tasks_of(part, tasks))
    runs = sum(len(work.designs) for work in works)
    failures = Failures(runs)
    with cell_progress() as progress:
        display = Display(progress, works)
        for work in works:
            name = work.model.name
            with (
                failures.collected(name),
                _session(home, instrument, plan, name, settings) as session,
            ):
                for asked in work.designs:
                    with failures.collected(f"{name}, prompt {asked.design.prompt_id}"):
                        display.start(name, asked)
                        with sent(sender):
                            summary = session.score(
                                asked.design,
                                plan.questions,
                                plan.countries,
                                blocks=asked.blocks,
                                part=lock_name(plan, part),
                                limit=settings.limit,
                                study=plan.study,
                                on_progress=display.tell,
                            )
                        print_summary(summary)
                    display.finish()
    failures.raise_any()


class Failures:
    """Errors that are kept for the end, so that the other runs go on."""

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._errors: list[ValuescopeError] = []

    @contextmanager
    def collected(self, what: str) -> Iterator[None]:
        """Keep the error of `what` is done inside."""
        try:
            yield
        except ValuescopeError as error:
            self.keep(what, error)

    def keep(self, what: str, error: ValuescopeError) -> None:
        """Keep an error; where there are other runs, it is told at once."""
        if self._runs > 1:
            error = ValuescopeError(f"{what}: {error}")
            say(f"Failed: {error}")
        self._errors.append(error)

    def raise_any(self) -> None:
        """Raise ValuescopeError with all errors, where there are any."""
        if self._errors and self._runs == 1:
            raise self._errors[0]
        if self._errors:
            lines = "\n  ".join(str(error) for error in self._errors)
            raise ValuescopeError(
                f"{len(self._errors)} of {self._runs} runs failed; the others have landed."
                f"\n  {lines}"
            )


def lock_name(plan: Plan, part: Part | None) -> str | None:
    """What tells the part from those of other studies; None for the whole."""
    if part is None or plan.study is None:
        return None
    return f"{plan.study.sha256[:8]}-{part.number}-{part.count}"


def plan_runs(
    home: Home, instrument: Instrument, plan: Plan, settings: Settings
) -> Iterator[PlannedRun]:
    """What each run of `plan` will take, from a short measurement of each model."""
    tell_unworded(plan)
    for name in plan.models:
        try:
            with _session(home, instrument, plan, name, settings) as session:
                for design in plan.designs:
                    found, problem = None, None
                    try:
                        found = session.estimate(design, plan.questions, plan.countries)
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


class Display:
    """A bar for the run in hand and, where there are several, one for all of them."""

    def __init__(self, progress: Progress, works: Sequence[ModelWork]) -> None:
        self._progress = progress
        cells = [asked.cells for work in works for asked in work.designs]
        self._all: TaskID | None = None
        if len(cells) > 1:
            self._all = progress.add_task(f"all {len(cells)} runs", total=sum(cells))
        self._before = self._planned = 0
        self._run: TaskID | None = None

    def start(self, model_name: str, asked: DesignWork) -> None:
        """Begin the bar of one run."""
        self._planned = asked.cells
        label = model_name
        if self._all is not None:
            label += f" {asked.design.answer_style} {asked.design.choice_order}"
        self._run = self._progress.add_task(label, total=self._planned)

    def tell(self, done: int, planned: int) -> None:
        """Move both bars."""
        if self._run is not None:
            self._progress.update(self._run, completed=done, total=planned)
        if self._all is not None:
            self._progress.update(self._all, completed=self._before + done)

    def finish(self) -> None:
        """Put the run's bar away."""
        self._before += self._planned
        if self._all is not None and self._run is not None:
            self._progress.remove_task(self._run)
            self._progress.update(self._all, completed=self._before)


@contextmanager
def sent(sender: Sender | None) -> Iterator[None]:
    """Send what has landed, however the run ends. A store that is gone stops no scoring."""
    try:
        yield
    finally:
        if sender is not None:
            try:
                sender.send()
            except ValuescopeError as error:
                say(f"Not sent yet, kept here: {error}")


def _session(
    home: Home, instrument: Instrument, plan: Plan, name: str, settings: Settings
) -> ScoringSession:
    return ScoringSession(
        home,
        resolve_model(name, home, instrument),
        numerics=settings.numerics,
        threads=settings.threads,
        path=settings.path,
        verbose=settings.verbose,
        # A study may be scored on several machines, which must all compute alike.
        measures=plan.study is None,
        on_notice=say,
    )


def tell_unworded(plan: Plan) -> None:
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
