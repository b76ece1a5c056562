"""The display of scoring: a progress bar or a line a minute on stderr, and one message per run."""

from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType

from rich.progress import TaskID

from valuescope.console import SECONDS_BETWEEN_LINES, cell_progress, err, say
from valuescope.scorer.planning.division import DesignWork, ModelWork
from valuescope.scorer.planning.forecast import duration
from valuescope.scorer.runs.plan import Listener
from valuescope.scorer.runs.run import RunSummary
from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError

_NAME_LENGTH = 28


class ScoringDisplay(Listener):
    """A bar for the run in hand and, where there are several, one for all. A context manager.

    Where stderr is not a terminal there is a line a minute instead; `clock` counts seconds.
    """

    def __init__(self, on_cluster: bool, clock: Callable[[], float] = monotonic) -> None:
        self._on_cluster = on_cluster
        self._clock = clock
        self._lines = _Lines(clock) if not err().is_terminal else None
        self._bars = cell_progress()
        self._all: TaskID | None = None
        self._run: TaskID | None = None
        self._runs = ""
        self._before = self._cells = self._planned = 0

    def __enter__(self) -> "ScoringDisplay":
        self._progress = self._bars.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.__exit__(kind, error, traceback)

    def notice(self, message: str) -> None:
        """Print it."""
        say(message)

    def planned(self, works: Sequence[ModelWork]) -> None:
        """Begin the bar of all runs."""
        cells = [asked.cells for work in works for asked in work.designs]
        self._runs = counted(len(cells), "run")
        if self._on_cluster:
            self._all = self._progress.add_task(f"{self._runs}, no worker yet", total=sum(cells))
            self._planned = sum(cells)
        elif len(cells) > 1:
            self._all = self._progress.add_task(f"all {self._runs}", total=sum(cells))

    def started(self, model_name: str, work: DesignWork) -> None:
        """Begin the bar of one run."""
        self._cells = work.cells
        label = model_name
        if self._all is not None:
            design = work.design
            label += f" {design.answer_style} {design.choice_order}"
            if design.elicitation != "likelihood":
                label += f" {design.elicitation}"
        self._run = self._progress.add_task(label, total=work.cells)
        if self._lines is not None:
            self._lines.start(label)

    def progressed(self, done: int, planned: int) -> None:
        """Move both bars."""
        if self._run is not None:
            self._progress.update(self._run, completed=done, total=planned)
        if self._all is not None:
            self._progress.update(self._all, completed=self._before + done)
        if self._lines is not None:
            self._lines.progressed(done, planned)

    def progressed_together(self, done: int, workers: int) -> None:
        """Move the bar of all runs."""
        label = f"{self._runs}, {counted(workers, 'worker')}"
        if self._all is not None:
            self._progress.update(self._all, completed=done, description=label)
        if self._lines is not None:
            self._lines.progressed(done, self._planned, label)

    def failed(self, error: ValuescopeError) -> None:
        """Print it."""
        say(f"Failed: {error}")

    def ended(self) -> None:
        """Remove the run's bar."""
        self._before += self._cells
        if self._all is not None and self._run is not None:
            self._progress.remove_task(self._run)
            self._progress.update(self._all, completed=self._before)

    def finished(self, summary: RunSummary) -> None:
        """Say what one run did."""
        seconds = (summary.finished_at - summary.started_at).total_seconds()
        rate = f" ({summary.cells_scored / seconds:.1f} cells/s)" if summary.cells_scored else ""
        say(
            f"{summary.model_name}, prompt {summary.prompt_id}: "
            f"{counted(summary.cells_scored, 'cell')} scored in {seconds:.0f} s{rate}, "
            f"{summary.cells_already_done} were there already, "
            f"{counted(summary.tokens_decoded, 'token')} decoded on the {summary.scoring_path} "
            "path."
        )
        if summary.path_difference is not None:
            say(
                f"On the probe the {summary.scoring_path} path differs from single sequences by at "
                f"most {summary.path_difference:.2g} nats an answer: the numerical noise of this "
                "run."
            )
        if summary.elicitation == "verbalised":
            if summary.mean_off_choice_mass:
                say(
                    f"In {summary.mean_off_choice_mass:.1%} of the cells the model named 0% of "
                    "every choice: they have no shares."
                )
        elif summary.mean_off_choice_mass is not None:
            say(
                f"On average {summary.mean_off_choice_mass:.1%} of the probability went to words "
                "that start none of the choices (off-choice mass)."
            )
        if summary.boundary_merged_cells:
            say(
                f"In {counted(summary.boundary_merged_cells, 'cell')} the tokenizer merges the "
                "prompt's end with the answer; they are marked boundary_merged."
            )
        left = summary.cells_planned - summary.cells_already_done - summary.cells_scored
        if left:
            say(f"{left} cells are left by --limit; repeat the command to score more.")


class _Lines:
    """A line a minute on the run in hand, each of at most 80 characters."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.start("")

    def start(self, label: str) -> None:
        """Begin a run."""
        self._label = label
        self._first: tuple[float, int] | None = None
        self._said_at = self._clock()

    def progressed(self, done: int, planned: int, label: str | None = None) -> None:
        """Say how far the run is and how long it will take, if a minute has passed."""
        now = self._clock()
        if self._first is None:
            self._first = (now, done)
        if now - self._said_at < SECONDS_BETWEEN_LINES:
            return
        self._said_at = now
        since, before = self._first
        rate = (done - before) / (now - since) if now > since else 0.0
        left = f", {duration((planned - done) / rate)} left" if rate else ""
        name = self._label if label is None else label
        say(f"{name[:_NAME_LENGTH].rstrip()}: {done:,} of {planned:,} cells, {rate:.1f}/s{left}")
