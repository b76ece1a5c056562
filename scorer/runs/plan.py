"""Score a plan of models and designs, run after run; a failure does not stop the others."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile, resolve_model
from valuescope.scorer.models.stores import is_hash
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
from valuescope.scorer.runs.run import RunSummary, landed_name
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.landing_zone.upload import Sender

_NAMED = 10


class Listener:
    """Hears what happens while a plan is scored. Does nothing: override what you want to show."""

    def notice(self, message: str) -> None:
        """Take what the user should know and no summary says."""

    def planned(self, works: Sequence[ModelWork]) -> None:
        """Take all that will be scored, before the first run."""

    def started(self, model_name: str, work: DesignWork) -> None:
        """Take the run that begins on this machine."""

    def progressed(self, done: int, planned: int) -> None:
        """Take how many cells of the run in hand are done and planned."""

    def progressed_together(self, done: int, workers: int) -> None:
        """Take how many cells of all runs are done, and how many workers of a cluster score."""

    def finished(self, summary: RunSummary) -> None:
        """Take what a run did."""

    def failed(self, error: ValuescopeError) -> None:
        """Take why a run failed; others go on."""

    def ended(self) -> None:
        """Take that the run in hand is over, finished or failed."""


@dataclass(frozen=True)
class Settings:
    """Settings of a run's computation, apart from its models, questions and countries.

    `name` is what to call the plan's one model; None leaves that to its file.
    """

    numerics: Numerics
    threads: int
    scoring_path: str = "auto"
    limit: int | None = None
    verbose: bool = False
    name: str | None = None
    pre_tokenizer: str | None = None


@dataclass(frozen=True)
class PlannedRun:
    """A run that a plan would do; `problem` says why it could not be estimated.

    `is_model_unusable` is whether that is the model, whatever it is asked.
    """

    model_name: str
    design: PromptDesign
    compute_type: str | None
    estimate: Estimate | None
    problem: str | None
    is_model_unusable: bool = False


def score_plan(
    home: Home,
    instrument: Instrument,
    plan: Plan,
    settings: Settings,
    listener: Listener,
    sender: Sender | None = None,
    part: Part | None = None,
) -> tuple[RunSummary, ...]:
    """Score all of `plan` or one part of it, model by model; `sender` sends what lands.

    Raises ValuescopeError at the end when a run has failed, naming each; Ctrl-C stops all.
    """
    tell_unworded(plan, listener)
    works = work_of(plan, instrument, part)
    runs = Runs(works, listener, sender)
    for work in works:
        name = work.model.name
        with (
            runs.collected(name),
            _session(home, instrument, plan, name, settings, listener) as session,
        ):
            for asked in work.designs:
                with runs.collected(f"{name}, prompt {asked.design.prompt_id}"):
                    listener.started(name, asked)
                    with runs.sent():
                        summary = session.score(
                            asked.design,
                            plan.questions,
                            plan.subjects,
                            blocks=asked.blocks,
                            part=lock_name(plan, part),
                            limit=settings.limit,
                            study=plan.study,
                            on_progress=listener.progressed,
                        )
                    runs.keep(summary)
                listener.ended()
    return runs.summaries()


def work_of(plan: Plan, instrument: Instrument, part: Part | None) -> tuple[ModelWork, ...]:
    """Return what `plan` or a part of it asks of each model."""
    tasks = expand(plan, instrument)
    return by_model(tasks if part is None else tasks_of(part, tasks))


class Runs:
    """The outcome of a plan's runs: summaries, and errors that are kept for the end."""

    def __init__(
        self, works: Sequence[ModelWork], listener: Listener, sender: Sender | None
    ) -> None:
        self._planned = sum(len(work.designs) for work in works)
        self._listener, self._sender = listener, sender
        self._summaries: list[RunSummary] = []
        self._errors: list[ValuescopeError] = []
        listener.planned(works)

    @contextmanager
    def collected(self, what: str) -> Iterator[None]:
        """Keep the error of `what` is done inside."""
        try:
            yield
        except ValuescopeError as error:
            self.fail(what, error)

    def keep(self, summary: RunSummary) -> None:
        """Keep what a run did."""
        self._summaries.append(summary)
        self._listener.finished(summary)

    def fail(self, what: str, error: ValuescopeError) -> None:
        """Keep an error; where there are other runs, the listener hears it at once."""
        if self._planned > 1:
            error = ValuescopeError(f"{what}: {error}")
            self._listener.failed(error)
        self._errors.append(error)

    @contextmanager
    def sent(self) -> Iterator[None]:
        """Send what has landed, however the run ends. A store that is away stops no scoring."""
        try:
            yield
        finally:
            if self._sender is not None:
                try:
                    self._sender.send()
                except ValuescopeError as error:
                    self._listener.notice(f"Not sent yet, kept here: {error}")

    def summaries(self) -> tuple[RunSummary, ...]:
        """Return what the runs did. Raises ValuescopeError with all errors, if there are any."""
        if self._errors and self._planned == 1:
            raise self._errors[0]
        if self._errors:
            lines = "\n  ".join(str(error) for error in self._errors)
            raise ValuescopeError(
                f"{len(self._errors)} of {self._planned} runs failed; the others have landed."
                f"\n  {lines}"
            )
        return tuple(self._summaries)


def lock_name(plan: Plan, part: Part | None) -> str | None:
    """Return a name for the part, unique among studies; None for the whole."""
    if part is None or plan.study is None:
        return None
    return f"{plan.study.sha256[:8]}-{part.number}-{part.count}"


def plan_runs(
    home: Home, instrument: Instrument, plan: Plan, settings: Settings, listener: Listener
) -> Iterator[PlannedRun]:
    """Yield what each run of `plan` will take, from a short measurement of each model."""
    tell_unworded(plan, listener)
    for name in plan.models:
        try:
            with _session(home, instrument, plan, name, settings, listener) as session:
                for design in plan.designs:
                    found, problem = None, None
                    try:
                        found = session.estimate(design, plan.questions, plan.subjects)
                    except ValuescopeError as error:
                        problem = str(error)
                    yield PlannedRun(name, design, session.numerics.compute_type, found, problem)
        except ValuescopeError as error:
            for design in plan.designs:
                yield PlannedRun(name, design, None, None, str(error), is_model_unusable=True)


def tell_unworded(plan: Plan, listener: Listener) -> None:
    """Report to the listener which questions a wording set leaves out."""
    for wordings in {design.wordings.name: design.wordings for design in plan.designs}.values():
        coding_id = plan.designs[0].coding_id
        unworded = wordings.unworded(plan.questions, coding_id, plan.subjects)
        if unworded:
            listener.notice(
                f"{len(unworded)} questions have no words in the wording set '{wordings.name}' and "
                f"are not asked in it: {', '.join(q.question_id for q in unworded[:_NAMED])}"
                + (" .." if len(unworded) > _NAMED else "")
            )


def _session(
    home: Home,
    instrument: Instrument,
    plan: Plan,
    name: str,
    settings: Settings,
    listener: Listener,
) -> ScoringSession:
    model_file = resolve_model(name, home, instrument, settings.name)
    if settings.name is None and model_file.registered is None:
        model_file = _under_its_first_name(model_file, home, listener)
    return ScoringSession(
        home,
        replace(model_file, pre_tokenizer=settings.pre_tokenizer),
        numerics=settings.numerics,
        threads=settings.threads,
        path=settings.scoring_path,
        verbose=settings.verbose,
        # A study may be scored on several machines, which must all compute alike.
        measures=plan.study is None,
        on_notice=listener.notice,
    )


def _under_its_first_name(model_file: ModelFile, home: Home, listener: Listener) -> ModelFile:
    """Give a file that was scored before its earlier name; other copies may be named otherwise."""
    earlier = landed_name(model_file.model_id, home)
    if earlier is None or earlier == model_file.name or is_hash(earlier):
        return model_file
    listener.notice(
        f"{model_file.name} is the file that was scored as {earlier} and keeps that name; --name "
        "gives it another."
    )
    return replace(model_file, name=earlier)
