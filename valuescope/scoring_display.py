"""The display of scoring: a progress bar on stderr, and one message for each run."""

from collections.abc import Sequence
from types import TracebackType

from rich.progress import TaskID

from valuescope.console import cell_progress, say
from valuescope.scorer.planning.division import DesignWork, ModelWork
from valuescope.scorer.runs.plan import Listener
from valuescope.scorer.runs.run import RunSummary
from valuescope.warehouse.errors import ValuescopeError


class ScoringDisplay(Listener):
    """A bar for the run in hand and, where there are several, one for all. A context manager."""

    def __init__(self, on_cluster: bool) -> None:
        self._on_cluster = on_cluster
        self._bars = cell_progress()
        self._all: TaskID | None = None
        self._run: TaskID | None = None
        self._runs = ""
        self._before = self._cells = 0

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
        self._runs = "1 run" if len(cells) == 1 else f"{len(cells)} runs"
        if self._on_cluster:
            self._all = self._progress.add_task(f"{self._runs}, no worker yet", total=sum(cells))
        elif len(cells) > 1:
            self._all = self._progress.add_task(f"all {self._runs}", total=sum(cells))

    def started(self, model_name: str, work: DesignWork) -> None:
        """Begin the bar of one run."""
        self._cells = work.cells
        label = model_name
        if self._all is not None:
            label += f" {work.design.answer_style} {work.design.choice_order}"
        self._run = self._progress.add_task(label, total=work.cells)

    def progressed(self, done: int, planned: int) -> None:
        """Move both bars."""
        if self._run is not None:
            self._progress.update(self._run, completed=done, total=planned)
        if self._all is not None:
            self._progress.update(self._all, completed=self._before + done)

    def progressed_together(self, done: int, workers: int) -> None:
        """Move the bar of all runs."""
        label = f"{self._runs}, " + ("1 worker" if workers == 1 else f"{workers} workers")
        if self._all is not None:
            self._progress.update(self._all, completed=done, description=label)

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
            f"{summary.model_name}, prompt {summary.prompt_id}: {summary.cells_scored} cells "
            f"scored in {seconds:.0f} s{rate}, {summary.cells_already_done} were there already, "
            f"{summary.tokens_decoded} tokens decoded on the {summary.scoring_path} path."
        )
        if summary.path_difference is not None:
            say(
                f"On the probe the {summary.scoring_path} path differs from single sequences by at "
                f"most {summary.path_difference:.2g} nats an answer: the numerical noise of this "
                "run."
            )
        if summary.mean_off_choice_mass is not None:
            say(
                f"On average {summary.mean_off_choice_mass:.1%} of the probability went to words "
                "that start none of the choices (off-choice mass)."
            )
        if summary.boundary_merged_cells:
            say(
                f"In {summary.boundary_merged_cells} cells the tokenizer merges the prompt's end "
                "with the answer; they are marked boundary_merged."
            )
        left = summary.cells_planned - summary.cells_already_done - summary.cells_scored
        if left:
            say(f"{left} cells are left by --limit; repeat the command to score more.")
