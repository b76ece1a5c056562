"""A replica of a model, on a node of a cluster that has the model's file.

It has no landing zone, and refuses to start where its numbers could differ from those of the
others: another version of this project or its engine, another file of the model.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from valuescope.scorer.engine.numerics import Numerics, engine_version
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.process.messages import (
    CellKey,
    Effort,
    LoadRequest,
    Opening,
    Prepared,
    ScoredQuestion,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import current_home
from valuescope.warehouse.instruments.seeds import Question, load_instrument
from valuescope.warehouse.instruments.subjects import Subject
from valuescope.warehouse.version import project_version, scoring_code_fingerprint


@dataclass(frozen=True)
class Versions:
    """Versions that must be the same on every node: this project, its code, the engine."""

    project: str
    code: str
    engine: str

    def __str__(self) -> str:
        return f"valuescope {self.project} (code {self.code}), {self.engine}"


@dataclass(frozen=True)
class NodeRequest:
    """The model to load; `model_id` is None until its first replica has reported it."""

    name: str
    model_id: str | None
    numerics: Numerics
    threads: int
    path: str
    versions: Versions


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: Ray's id and its address."""

    node_id: str
    address: str


@dataclass(frozen=True)
class Refusal:
    """Why a node cannot serve a model."""

    node: Node
    reason: str


def own_versions() -> Versions:
    """Return those of this process."""
    return Versions(project_version(), scoring_code_fingerprint(), engine_version())


class NodeReplica:
    """A `Replica` on a node. The driver calls its methods one after the other."""

    def __init__(self) -> None:
        # Here, because the driver has this class too and is not to load the engine.
        from valuescope.scorer.process.replica import Replica

        self._replica: Replica = Replica()

    def load(self, request: NodeRequest) -> tuple[Node, Prepared] | Refusal:
        """Load the model of this node's own files, or say why not."""
        node = _this_node()
        try:
            return node, self._replica.load(self._own_request(request))
        except ValuescopeError as error:
            return Refusal(node, str(error))

    def open(
        self, design: PromptDesign, questions: Sequence[Question], subjects: Sequence[Subject]
    ) -> Opening:
        """Do what `Replica.open` does."""
        return self._replica.open(design, questions, subjects)

    def score(
        self, question_ids: Sequence[str], done: Collection[CellKey]
    ) -> Iterator[ScoredQuestion | Effort]:
        """Do what `Replica.score` does."""
        # A generator itself, which Ray asks for where it streams.
        yield from self._replica.score(question_ids, done)

    def _own_request(self, request: NodeRequest) -> LoadRequest:
        versions = own_versions()
        if versions != request.versions:
            raise ValuescopeError(
                f"it runs {versions}, the command {request.versions}. Install the same clone on "
                "all machines."
            )
        if request.numerics.gpu_layers and not self._replica.has_gpu_support():
            raise ValuescopeError(
                "its engine was compiled without a GPU. Compile it there with CMAKE_ARGS "
                "(docs/scoring.md), or score with --gpu-layers 0."
            )
        home = current_home()
        model_file = resolve_model(request.name, home, load_instrument(home))
        if request.model_id not in (None, model_file.model_id):
            raise ValuescopeError(
                f"{model_file.path} is another file than the other machines have: its SHA-256 is "
                f"{model_file.model_id}, theirs {request.model_id}. Copy the same file to all."
            )
        return LoadRequest(
            model_file=model_file,
            numerics=request.numerics,
            home=home,
            threads=request.threads,
            path=request.path,
            earlier=None,
            measures=False,
        )


def _this_node() -> Node:
    ray: Any = import_module("ray")
    context = ray.get_runtime_context()
    return Node(context.get_node_id(), ray.util.get_node_ip_address())
