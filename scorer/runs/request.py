"""The request of `valuescope score`, from the values of its options."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from valuescope.scorer.cluster.plan import ClusterOptions, score_plan_on_cluster
from valuescope.scorer.engine.numerics import Numerics, default_batch_size, default_threads
from valuescope.scorer.planning.chosen_plan import chosen_plan
from valuescope.scorer.planning.division import (
    Part,
    PartEstimate,
    divide,
    expand,
    parse_part,
    part_estimate,
)
from valuescope.scorer.planning.study import (
    Loaded,
    Plan,
    Study,
    freeze_study,
    load_study,
    nothing_loaded,
)
from valuescope.scorer.process.messages import Pace
from valuescope.scorer.runs.plan import Listener, PlannedRun, Settings, plan_runs, score_plan
from valuescope.scorer.runs.run import RunSummary
from valuescope.scorer.runs.session import default_gpu_layers, measured_pace
from valuescope.warehouse.errors import ValuescopeError, WrongUsageError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument
from valuescope.warehouse.landing_zone.stores import LANDING_VARIABLE, SharedStore, open_store
from valuescope.warehouse.landing_zone.upload import Sender

_LONGEST_NAME = 100


@dataclass(frozen=True)
class Request:
    """A plan, or a part of one, and how and where to compute it.

    `cluster` is None on this machine alone; `store` gets what lands, too. `notice` says what is
    asked where it was not named.
    """

    home: Home
    instrument: Instrument
    plan: Plan
    settings: Settings
    study: Study | None
    part: Part | None
    cluster: ClusterOptions | None
    store: SharedStore | None
    notice: str | None = None

    def score(self, listener: Listener) -> tuple[RunSummary, ...]:
        """Score what is missing. Raises ValuescopeError when a run has failed, naming each."""
        home, instrument, plan = self.home, self.instrument, self.plan
        if self.notice is not None:
            listener.notice(self.notice)
        if self.study is not None:
            frozen = freeze_study(self.study, home)
            listener.notice(
                f"Study {self.study.name}, frozen as {self.study.sha256[:16]}: {frozen}"
            )
        sender = Sender(home, self.store) if self.store is not None else None
        if self.cluster is None:
            done = score_plan(home, instrument, plan, self.settings, listener, sender, self.part)
        else:
            done = score_plan_on_cluster(
                home,
                instrument,
                plan,
                self.settings.numerics,
                self.settings.scoring_path,
                self.cluster,
                listener,
                sender,
                self.part,
            )
        if sender is not None:
            # What could not be sent after its run, while the store was away.
            sender.send()
        return done

    def planned_runs(self, listener: Listener) -> tuple[PlannedRun, ...]:
        """Return what each run will take, from a short measurement of each model."""
        if self.notice is not None:
            listener.notice(self.notice)
        return tuple(plan_runs(self.home, self.instrument, self.plan, self.settings, listener))

    def planned_parts(self, count: int) -> tuple[tuple[PartEstimate, ...], PartEstimate]:
        """Return the sizes of all `count` parts of the plan, and of the whole."""
        tasks = expand(self.plan, self.instrument)
        return tuple(map(part_estimate, divide(tasks, count))), part_estimate(tasks)

    def measured_pace(self) -> Pace | None:
        """Return how fast this machine computes; None if it has no model of the plan."""
        return measured_pace(
            self.plan.models,
            self.home,
            self.instrument,
            self.settings.numerics,
            self.settings.threads,
        )


def scoring_request(
    home: Home,
    model: Sequence[str] = (),
    *,
    name: str | None = None,
    study: str | Path | None = None,
    part: str | None = None,
    ray: str | None = None,
    gpus: float = 1.0,
    survey: str | None = None,
    countries: Sequence[str] | None = None,
    questions: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    orders: Sequence[str] | None = None,
    answer: str | None = None,
    coding: str | None = None,
    template: str | None = None,
    wordings: str | None = None,
    chat: str | None = None,
    by: Sequence[str] | str = (),
    placebos: int = 0,
    elicit: str | None = None,
    draws: int | None = None,
    temperature: float | None = None,
    compute: str = "auto",
    kv_cache: str = "f32",
    flash_attention: bool = False,
    batch_size: int | None = None,
    threads: int | None = None,
    gpu_layers: int | None = None,
    path: str = "auto",
    pre_tokenizer: str | None = None,
    limit: int | None = None,
    landing: str | None = None,
    verbose: bool = False,
    loaded: Loaded = nothing_loaded,
) -> Request:
    """Return what the options of `valuescope score` ask for; their names and meanings are its.

    Where countries or questions are not named, those of the people that `loaded` returns are asked.

    Raises WrongUsageError for options that contradict each other, ValuescopeError for a name that
    does not exist.
    """
    fixed_by_study = {
        "model": model,
        "survey": survey,
        "countries": countries,
        "questions": questions,
        "categories": categories,
        "orders": orders,
        "answer": answer,
        "coding": coding,
        "template": template,
        "wordings": wordings,
        "chat": chat,
        "by": by,
        "placebos": placebos,
        "elicit": elicit,
        "draws": draws is not None,
        "temperature": temperature is not None,
    }
    if part is not None and study is None:
        raise WrongUsageError("--part needs a --study: its file says what is divided.")
    if name is not None and len(model) != 1:
        raise WrongUsageError("--name is for a single --model.")
    if name is not None and not (0 < len(name.strip()) <= _LONGEST_NAME and name.isprintable()):
        raise WrongUsageError(f"--name must have 1 to {_LONGEST_NAME} printable characters.")
    if pre_tokenizer is not None and (ray is not None or len(model) != 1):
        raise WrongUsageError("--pre-tokenizer is for one --model on one machine.")
    if ray is not None and (limit is not None or verbose or name is not None):
        raise WrongUsageError(
            "--limit, --name and --verbose are for one machine: leave them or --ray out."
        )
    if study is not None and (given := [key for key, value in fixed_by_study.items() if value]):
        raise WrongUsageError(
            f"{', '.join(f'--{key}' for key in given)} cannot be given together with --study: "
            "the study file says what is asked."
        )
    if study is None and not model:
        raise WrongUsageError("Name a --model, or a --study that names some.")
    chosen_part = None if part is None else parse_part(part)
    address = landing or os.environ.get(LANDING_VARIABLE)
    store = open_store(address) if address else None
    instrument = load_instrument(home)
    read = None if study is None else load_study(Path(study), home, instrument, loaded)
    notice = None
    if read is not None:
        if read.asks_loaded and chosen_part is not None:
            raise ValuescopeError(
                f"The study {study} asks what is loaded, which differs by machine. Copy "
                f"{freeze_study(read, home)} beside it, where the names are written out, and give "
                "that to --study on all machines."
            )
        plan = read.plan
    else:
        plan, notice = chosen_plan(
            home,
            instrument,
            model,
            survey=survey,
            countries=countries,
            questions=questions,
            categories=categories,
            orders=orders,
            answer=answer,
            coding=coding,
            template=template,
            wordings=wordings,
            chat=chat,
            by=(by,) if isinstance(by, str) else by,
            placebos=placebos,
            elicit=elicit,
            draws=draws,
            temperature=temperature,
            loaded=loaded,
        )
    layers = default_gpu_layers() if gpu_layers is None else gpu_layers
    numerics = Numerics(
        compute_type=compute,
        kv_cache_type=kv_cache,
        flash_attention=flash_attention,
        batch_size=batch_size or default_batch_size(layers),
        gpu_layers=layers,
    )
    return Request(
        home,
        instrument,
        plan,
        Settings(
            numerics,
            threads or default_threads(),
            path,
            limit,
            verbose,
            name and name.strip(),
            pre_tokenizer,
        ),
        read,
        chosen_part,
        ClusterOptions(ray, gpus, threads, gpu_layers, batch_size) if ray is not None else None,
        store,
        notice,
    )
