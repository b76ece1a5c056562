"""Run a plan on a Ray cluster: the same runs and summaries, one progress display for all."""

from dataclasses import dataclass, replace

from rich.progress import Progress

from valuescope.console import cell_progress, say
from valuescope.scorer.cluster.connection import connected
from valuescope.scorer.cluster.driver import Asked, ClusterSettings, Listener, score_on_cluster
from valuescope.scorer.engine.numerics import ALL_LAYERS, Numerics, default_batch_size
from valuescope.scorer.planning.division import Part, by_model, expand, tasks_of
from valuescope.scorer.planning.study import Plan
from valuescope.scorer.runs.run import RunSummary
from valuescope.scoring import Failures, lock_name, print_summary, sent, tell_unworded
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.landing_zone.upload import Sender


@dataclass(frozen=True)
class ClusterOptions:
    """What the command line says of a cluster; None is left to the cluster.

    `gpu_layers` None takes all where the cluster has GPUs; `batch_size` None suits that choice.
    """

    address: str
    gpus: float
    threads: int | None
    gpu_layers: int | None
    batch_size: int | None


def run_plan_on_cluster(
    home: Home,
    instrument: Instrument,
    plan: Plan,
    numerics: Numerics,
    path: str,
    options: ClusterOptions,
    sender: Sender | None = None,
    part: Part | None = None,
) -> None:
    """Score all of `plan` or one part of it on a cluster, and say what landed.

    Raises ValuescopeError at the end when a run has failed, naming each; Ctrl-C stops all.
    """
    tell_unworded(plan)
    tasks = expand(plan, instrument)
    works = by_model(tasks if part is None else tasks_of(part, tasks))
    runs = sum(len(work.designs) for work in works)
    failures = Failures(runs)

    def finished(summary: RunSummary) -> None:
        with sent(sender):
            print_summary(summary)

    with connected(options.address) as ray, cell_progress() as progress:
        cells = sum(asked.cells for work in works for asked in work.designs)
        display = _Display(progress, runs, cells)
        layers = options.gpu_layers
        if layers is None:
            layers = ALL_LAYERS if ray.cluster_resources().get("GPU", 0) else 0
        batch_size = options.batch_size or default_batch_size(layers)
        score_on_cluster(
            ray,
            home,
            instrument,
            works,
            Asked(plan.questions, plan.countries, plan.study, lock_name(plan, part)),
            ClusterSettings(
                replace(numerics, gpu_layers=layers, batch_size=batch_size),
                options.threads,
                options.gpus,
                path,
            ),
            Listener(say, finished, failures.keep, display.tell),
        )
    failures.raise_any()


class _Display:
    """One bar for all runs, with how many workers there are."""

    def __init__(self, progress: Progress, runs: int, cells: int) -> None:
        self._progress, self._runs = progress, "1 run" if runs == 1 else f"{runs} runs"
        self._bar = progress.add_task(f"{self._runs}, no worker yet", total=cells)

    def tell(self, cells: int, workers: int) -> None:
        """Move the bar."""
        label = f"{self._runs}, " + ("1 worker" if workers == 1 else f"{workers} workers")
        self._progress.update(self._bar, completed=cells, description=label)
