"""Share a study out among replicas on a Ray cluster, and land what they say.

The driver alone writes: rows come back to it question by question and become the same shards, in
the same landing zone, as those of a run on one machine. It keeps the locks and the records, so each
cell lands once, however often a block is scored. Blocks whose replica is gone are scored again by
another, whole, so that the numbers are those of an undisturbed run.
"""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from valuescope.scorer.cluster.nodes import SECONDS_BETWEEN_LOOKS, Nodes
from valuescope.scorer.cluster.replica import (
    Node,
    NodeReplica,
    NodeRequest,
    Refusal,
    own_versions,
)
from valuescope.scorer.cluster.work import DesignRun, Job, ModelState, state_of
from valuescope.scorer.engine.numerics import AUTO, Numerics
from valuescope.scorer.models.files import file_on_machine, resolve_model
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.division import ModelWork
from valuescope.scorer.process.messages import Effort, Opening
from valuescope.scorer.runs.locks import part_of_run, whole_run
from valuescope.scorer.runs.run import (
    Run,
    RunSummary,
    StudyReference,
    earlier_compute_type,
    stop_on_signals,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, Question
from valuescope.warehouse.instruments.subjects import Subject
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone

# A block that ends its worker so often is not tried again; nor is a model that no worker can load.
_MOST_TRIES = 3
# Replicas that wait for a node or load at once, each of another model.
_MOST_WAITING = 4

Steps = Generator[Any, Any, None]


@dataclass(frozen=True)
class ClusterSettings:
    """Settings of replicas and the resources of each; `threads` None is the smallest machine's.

    `gpus` are those of a replica that puts layers on a GPU.
    """

    numerics: Numerics
    threads: int | None
    gpus: float
    path: str


@dataclass(frozen=True)
class ClusterListener:
    """Functions to call with notices, summaries of runs, failures and progress.

    `on_progress` gets the cells that are done and how many replicas score.
    """

    on_notice: Callable[[str], None]
    on_finished: Callable[[RunSummary], None]
    on_failed: Callable[[str, ValuescopeError], None]
    on_progress: Callable[[int, int], None]


@dataclass(frozen=True)
class Asked:
    """The questions, the same for all replicas: those of the whole study, not of a part alone."""

    questions: Sequence[Question]
    subjects: Sequence[Subject]
    study: StudyReference | None
    part: str | None


@dataclass(eq=False)
class _Serving:
    """An actor, the steps that it takes, and what the next one waits for."""

    state: ModelState
    actor: Any
    steps: Steps
    awaited: Any
    is_waiting: bool = True


def score_on_cluster(
    ray: Any,
    home: Home,
    instrument: Instrument,
    works: Sequence[ModelWork],
    asked: Asked,
    settings: ClusterSettings,
    listener: ClusterListener,
) -> None:
    """Score `works` on the cluster that `ray` is joined to.

    A model or design that fails is reported to the listener and does not stop the others. Ctrl-C
    and SIGTERM close the records of the runs in hand; the next call scores what is missing.
    """
    ensure_landing_zone(home)
    driver = _Driver(ray, home, instrument, works, asked, settings, listener)
    with stop_on_signals():
        try:
            driver.run()
        finally:
            driver.close()


class _Driver:
    def __init__(
        self,
        ray: Any,
        home: Home,
        instrument: Instrument,
        works: Sequence[ModelWork],
        asked: Asked,
        settings: ClusterSettings,
        listener: ClusterListener,
    ) -> None:
        self._ray, self._home, self._instrument = ray, home, instrument
        self._asked, self._settings, self._listener = asked, settings, listener
        self._replica = ray.remote(NodeReplica)
        self._questions = ray.put(tuple(asked.questions))
        self._subjects = ray.put(tuple(asked.subjects))
        self._nodes = Nodes(ray)
        self._threads = settings.threads or self._nodes.smallest_processor_count()
        self._gpus = settings.gpus if settings.numerics.gpu_layers else 0
        self._states = [state_of(work, settings.numerics) for work in works]
        self._serving: list[_Serving] = []

    def run(self) -> None:
        """Score until nothing is left that can be."""
        while True:
            self._end_waiting_in_vain()
            self._start_replicas()
            if not self._serving:
                return
            awaited = [serving.awaited for serving in self._serving]
            ready, _ = self._ray.wait(awaited, timeout=SECONDS_BETWEEN_LOOKS)
            for serving in [s for s in self._serving if any(s.awaited is r for r in ready)]:
                self._go_on(serving)
            self._tell_progress()

    def close(self) -> None:
        """End all replicas and the records of runs that are open."""
        for serving in self._serving:
            self._ray.kill(serving.actor)
        for state in self._states:
            for design_run in state.runs:
                design_run.close("interrupted")

    # --- Where replicas start ---

    def _start_replicas(self) -> None:
        """Start replicas: models without any come first, then those with most left to score."""
        wanting = sorted(
            (state for state in self._states if state.jobs and not state.is_waiting),
            key=lambda state: -state.cost_for_each,
        )
        for state in wanting:
            if sum(state.is_waiting for state in self._states) >= _MOST_WAITING:
                return
            try:
                self._look_up(state)
                self._require_room(state)
            except ValuescopeError as error:
                if not state.replicas:
                    self._fail_model(state, error)
            else:
                self._start(state)

    def _start(self, state: ModelState) -> None:
        actor = self._replica.options(**self._needs(state)).remote()
        steps = self._steps(state, actor)
        state.is_waiting = True
        self._serving.append(_Serving(state, actor, steps, awaited=next(steps)))

    def _needs(self, state: ModelState) -> dict[str, Any]:
        needs: dict[str, Any] = {
            "num_cpus": self._threads,
            "num_gpus": self._gpus,
            "memory": state.memory_bytes,
        }
        if state.refusals:
            needs["label_selector"] = {"ray.io/node-id": f"!in({','.join(state.refusals)})"}
        return needs

    def _look_up(self, state: ModelState) -> None:
        """Identify the model by its file, if this machine has it."""
        if state.is_looked_up:
            return
        state.is_looked_up = True
        name = state.model.name
        if file_on_machine(name, self._home, self._instrument) is None:
            return
        model_file = resolve_model(name, self._home, self._instrument)
        state.model_id = model_file.model_id
        earlier = earlier_compute_type(state.model_id, self._home)
        if state.numerics.compute_type == AUTO and earlier is not None:
            state.numerics = replace(state.numerics, compute_type=earlier)
        of_its_size = state.model.of_size(model_file.file_bytes)
        state.memory_bytes = of_its_size.memory_bytes(state.numerics)

    def _require_room(self, state: ModelState) -> None:
        """Raise ValuescopeError where no other replica of the model can be started."""
        if len(state.failed_loads) >= _MOST_TRIES:
            raise ValuescopeError(
                f"{_MOST_TRIES} workers of {state.model.name} ended before the model was loaded, "
                f"the last one thus: {state.failed_loads[-1]} Is there memory for it, and this "
                "clone of valuescope, on every machine?"
            )
        self._nodes.require_room(state.model.name, self._needs(state), state.refusals)

    def _end_waiting_in_vain(self) -> None:
        """End replicas that wait in vain: no work is left for them, or no node has room."""
        for serving in [serving for serving in self._serving if serving.is_waiting]:
            try:
                self._require_room(serving.state)
                is_in_vain = not serving.state.jobs
            except ValuescopeError:
                is_in_vain = True
            if is_in_vain:
                self._end(serving)

    # --- What a replica does, step by step; what is yielded is waited for ---

    def _steps(self, state: ModelState, actor: Any) -> Steps:
        try:
            loaded = yield actor.load.remote(self._request(state))
        except self._ray.exceptions.RayError as error:
            state.failed_loads.append(_in_short(error))
            return
        if isinstance(loaded, Refusal):
            self._refuse(state, loaded)
            return
        node, prepared = loaded
        state.model_id, state.row = prepared.row["model_id"], prepared.row
        state.numerics, state.memory_bytes = prepared.numerics, prepared.memory_bytes
        opened: DesignRun | None = None
        while (job := state.next_job()) is not None:
            try:
                if opened is not job.run:
                    opening = yield actor.open.remote(
                        job.run.design, self._questions, self._subjects
                    )
                    opened = job.run
                    if not self._begin(state, job.run, opening, node):
                        state.jobs.appendleft(job)
                        return
                yield from self._score(state, actor, job)
            except ValuescopeError as error:
                self._fail_run(state, job.run, error)
                opened = None
            except self._ray.exceptions.RayError as error:
                self._put_back(state, job, error)
                return

    def _score(self, state: ModelState, actor: Any, job: Job) -> Steps:
        design_run, run = job.run, job.run.run
        assert run is not None
        names = [question.question_id for question in job.block]
        done = {cell for cell in run.done if cell[0] in names}
        scored = actor.score.options(num_returns="streaming").remote(names, done)
        while (item := (yield scored)) is not None:
            if design_run.is_over:
                continue
            if isinstance(item, Effort):
                run.effort += item
            elif (key := (item.question_id, item.about_others)) not in design_run.landed:
                run.land(item)
                design_run.landed.add(key)
        state.has_scored = True
        design_run.blocks_left -= 1
        if not design_run.blocks_left and not design_run.is_over:
            design_run.close("finished")
            design_run.is_reported = True
            self._listener.on_finished(run.summary)

    def _go_on(self, serving: _Serving) -> None:
        """Take what was waited for and do the next step."""
        try:
            value = self._value(serving.awaited)
        except self._ray.exceptions.RayError as error:
            step = partial(serving.steps.throw, _cause(error))
        else:
            step = partial(serving.steps.send, value)
        if serving.is_waiting:
            serving.is_waiting = serving.state.is_waiting = False
            serving.state.replicas += 1
        try:
            serving.awaited = step()
        except StopIteration:
            self._end(serving)

    def _value(self, awaited: Any) -> Any:
        """Return the result that has arrived; None at the end of a stream."""
        if not isinstance(awaited, self._ray.ObjectRefGenerator):
            return self._ray.get(awaited)
        try:
            return self._ray.get(next(awaited))
        except StopIteration:
            return None

    def _end(self, serving: _Serving) -> None:
        self._ray.kill(serving.actor)
        self._serving.remove(serving)
        if serving.is_waiting:
            serving.state.is_waiting = False
        else:
            serving.state.replicas -= 1

    def _request(self, state: ModelState) -> NodeRequest:
        return NodeRequest(
            name=state.model.name,
            model_id=state.model_id,
            numerics=state.numerics,
            threads=self._threads,
            path=self._settings.path,
            versions=own_versions(),
        )

    def _begin(
        self, state: ModelState, design_run: DesignRun, opening: Opening, node: Node
    ) -> bool:
        """Begin the run of a design when it is opened first; later the numbers must be alike."""
        if design_run.run is None:
            for notice in opening.notices:
                self._listener.on_notice(notice)
            lock = design_run.stack.enter_context(self._lock(state, design_run.design))
            design_run.run = Run(
                self._home,
                state.row,
                design_run.design,
                opening,
                design_run.cells,
                lock,
                self._asked.study,
            )
            design_run.numerics_id = opening.numerics_id
            design_run.run.begin()
        elif opening.numerics_id != design_run.numerics_id:
            reason = (
                f"it computes prompt {design_run.design.prompt_id} in another way than the other "
                f"machines do (path {opening.scoring_path}). Name a --path for all."
            )
            self._refuse(state, Refusal(node, reason))
            return False
        return True

    def _lock(self, state: ModelState, design: PromptDesign) -> Any:
        ids = (state.model.name, str(state.model_id), design.prompt_id)
        if self._asked.part is None:
            return whole_run(self._home, *ids, self._listener.on_notice)
        return part_of_run(self._home, *ids, self._asked.part, self._listener.on_notice)

    # --- What goes wrong ---

    def _refuse(self, state: ModelState, refusal: Refusal) -> None:
        reason = f"{refusal.node.address} cannot score {state.model.name}: {refusal.reason}"
        state.refusals[refusal.node.node_id] = reason
        self._listener.on_notice(reason)

    def _put_back(self, state: ModelState, job: Job, error: Exception) -> None:
        """Leave the block to another replica, unless it has ended too many."""
        self._nodes.look_again()
        job.tries += 1
        if job.tries < _MOST_TRIES:
            state.jobs.appendleft(job)
            self._listener.on_notice(
                f"A worker of {state.model.name} is gone; the questions that it had in hand are "
                f"scored again by another. {_in_short(error)}"
            )
            return
        first, last = job.block[0].question_id, job.block[-1].question_id
        problem = ValuescopeError(
            f"The questions {first} to {last} ended {_MOST_TRIES} workers, the last one thus: "
            f"{_in_short(error)} Is there memory enough?"
        )
        if state.has_scored:
            self._fail_run(state, job.run, problem)
        else:
            self._fail_model(state, problem)

    def _fail_run(self, state: ModelState, design_run: DesignRun, error: ValuescopeError) -> None:
        if not design_run.is_reported:
            design_run.is_reported = True
            design_run.close("failed")
            what = f"{state.model.name}, prompt {design_run.design.prompt_id}"
            self._listener.on_failed(what, error)

    def _fail_model(self, state: ModelState, error: ValuescopeError) -> None:
        state.jobs.clear()
        for design_run in state.runs:
            design_run.is_reported = True
            design_run.close("failed")
        self._listener.on_failed(state.model.name, error)

    def _tell_progress(self) -> None:
        cells = sum(run.cells_over for state in self._states for run in state.runs)
        self._listener.on_progress(cells, sum(state.replicas for state in self._states))


def _cause(error: Exception) -> Exception:
    """Return the problem that a worker raised, where it is one that the user can act on."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, ValuescopeError) else error


def _in_short(error: Exception) -> str:
    """Return Ray's message about a lost worker, without its advice."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    detail = re.search(r"Worker exit detail: [^.]*\.", str(error))
    return f"{lines[0].strip()} {detail[0]}" if detail else lines[0].strip()
