"""What runs on a node of a cluster: one model in memory, which scores blocks of questions.

A replica has no landing zone. It refuses to start where its numbers could differ from those of the
others: another version of this project or its engine, another file of the model.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from valuescope.scorer.compute import common_computation
from valuescope.scorer.design import PromptDesign
from valuescope.scorer.engine import Numerics, engine_version, has_gpu_support
from valuescope.scorer.loaded import (
    CellKey,
    Effort,
    LoadedModel,
    OpenedDesign,
    Opening,
    Row,
    ScoredQuestion,
)
from valuescope.scorer.models import resolve_model
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import current_home
from valuescope.warehouse.instrument import Country, Question, load_instrument
from valuescope.warehouse.version import project_version, scoring_code_fingerprint


@dataclass(frozen=True)
class Versions:
    """What has to be the same everywhere: this project, its code, the engine."""

    project: str
    code: str
    engine: str

    def __str__(self) -> str:
        return f"valuescope {self.project} (code {self.code}), {self.engine}"


@dataclass(frozen=True)
class LoadRequest:
    """What to load; `model_id` is None until the first replica of the model has told it."""

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
class Prepared:
    """A replica that is ready. `row` is the model's in the landing zone; `numerics` are settled."""

    node: Node
    row: Row
    numerics: Numerics
    memory_bytes: int


@dataclass(frozen=True)
class Refusal:
    """Why a node cannot serve a model."""

    node: Node
    reason: str


def own_versions() -> Versions:
    """Those of this process."""
    return Versions(project_version(), scoring_code_fingerprint(), engine_version())


class Replica:
    """A model on a node. The driver calls its methods one after the other."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._loaded: LoadedModel | None = None
        self._opened: OpenedDesign | None = None
        self._questions: dict[str, Question] = {}

    def load(self, request: LoadRequest) -> Prepared | Refusal:
        """Load the model of this node's own files, or say why not."""
        node = _this_node()
        try:
            return self._load(request, node)
        except ValuescopeError as error:
            return Refusal(node, str(error))

    def open(
        self, design: PromptDesign, questions: Sequence[Question], countries: Sequence[Country]
    ) -> Opening:
        """Make a design ready, in the place of the one before.

        Raises ValuescopeError as scoring does.
        """
        assert self._loaded is not None
        self._stack.close()
        self._opened = self._stack.enter_context(self._loaded.open(design, questions, countries))
        self._questions = {question.question_id: question for question in questions}
        return self._opened.opening

    def score(
        self, question_ids: Sequence[str], done: Collection[CellKey]
    ) -> Iterator[ScoredQuestion | Effort]:
        """The questions of one block as they are ready, and at last what they took."""
        assert self._opened is not None
        before = self._opened.effort
        yield from self._opened.score([self._questions[name] for name in question_ids], done)
        yield self._opened.effort - before

    def _load(self, request: LoadRequest, node: Node) -> Prepared:
        versions = own_versions()
        if versions != request.versions:
            raise ValuescopeError(
                f"it runs {versions}, the command {request.versions}. Install the same clone on "
                "all machines."
            )
        if request.numerics.gpu_layers and not has_gpu_support():
            raise ValuescopeError(
                "its engine was compiled without a GPU. Compile it there with CMAKE_ARGS "
                "(docs/scoring.md), or score with --gpu-layers 0."
            )
        home = current_home()
        model_file = resolve_model(request.name, home, load_instrument())
        if request.model_id not in (None, model_file.model_id):
            raise ValuescopeError(
                f"{model_file.path} is another file than the other machines have: its SHA-256 is "
                f"{model_file.model_id}, theirs {request.model_id}. Copy the same file to all."
            )
        computation = common_computation(model_file, request.numerics, home)
        self._loaded = LoadedModel(
            model_file, computation, request.numerics, request.threads, request.path
        )
        return Prepared(
            node, self._loaded.as_row(), self._loaded.numerics, self._loaded.memory_bytes()
        )


def _this_node() -> Node:
    ray: Any = import_module("ray")
    context = ray.get_runtime_context()
    return Node(context.get_node_id(), ray.util.get_node_ip_address())
