"""Score a plan on a Ray cluster: the same runs and summaries as on one machine."""

from dataclasses import dataclass, replace

from valuescope.scorer.cluster.connection import connected
from valuescope.scorer.cluster.driver import (
    Asked,
    ClusterListener,
    ClusterSettings,
    score_on_cluster,
)
from valuescope.scorer.engine.numerics import ALL_LAYERS, Numerics, default_batch_size
from valuescope.scorer.planning.division import Part
from valuescope.scorer.planning.study import Plan
from valuescope.scorer.runs.plan import Listener, Runs, lock_name, tell_unworded, work_of
from valuescope.scorer.runs.run import RunSummary
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.landing_zone.upload import Sender


@dataclass(frozen=True)
class ClusterOptions:
    """Options of a cluster. None lets Ray decide.

    `gpu_layers` None takes all where the cluster has GPUs; `batch_size` None suits that choice.
    """

    address: str
    gpus: float
    threads: int | None
    gpu_layers: int | None
    batch_size: int | None


def score_plan_on_cluster(
    home: Home,
    instrument: Instrument,
    plan: Plan,
    numerics: Numerics,
    scoring_path: str,
    options: ClusterOptions,
    listener: Listener,
    sender: Sender | None = None,
    part: Part | None = None,
) -> tuple[RunSummary, ...]:
    """Score all of `plan` or one part of it on a cluster; `sender` sends what lands.

    Raises ValuescopeError at the end when a run has failed, naming each; Ctrl-C stops all.
    """
    tell_unworded(plan, listener)
    works = work_of(plan, instrument, part)
    with connected(options.address) as ray:
        runs = Runs(works, listener, sender)

        def finished(summary: RunSummary) -> None:
            with runs.sent():
                runs.keep(summary)

        layers = options.gpu_layers
        if layers is None:
            layers = ALL_LAYERS if ray.cluster_resources().get("GPU", 0) else 0
        batch_size = options.batch_size or default_batch_size(layers)
        score_on_cluster(
            ray,
            home,
            instrument,
            works,
            Asked(plan.questions, plan.subjects, plan.study, lock_name(plan, part)),
            ClusterSettings(
                replace(numerics, gpu_layers=layers, batch_size=batch_size),
                options.threads,
                options.gpus,
                scoring_path,
            ),
            ClusterListener(listener.notice, finished, runs.fail, listener.progressed_together),
        )
    return runs.summaries()
