"""Describe the models that other programs keep on this machine, from their headers alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from valuescope.scorer.models.files import split_parts
from valuescope.scorer.models.gguf_header import HeaderError, read_header
from valuescope.scorer.models.stores import StoredModel, stored_models
from valuescope.warehouse.errors import ValuescopeError


@dataclass(frozen=True)
class FoundFile:
    """A model in a store; `name` is one that `score --model` takes, `other_names` are more of them.

    `problem` says why it cannot be scored, None where nothing in its header is against it.
    """

    name: str
    store: str
    path: Path
    other_names: tuple[str, ...]
    file_bytes: int
    quantization: str | None
    architecture: str | None
    parameter_count: int | None
    problem: str | None


def found_files() -> list[FoundFile]:
    """Return every model of the stores once, whatever it is called there."""
    stored = stored_models()
    called = {model.reference: sum(m.is_called(model.name) for m in stored) for model in stored}

    def content(model: StoredModel) -> str:
        return model.content

    groups = groupby(sorted(stored, key=lambda model: (content(model), model.store)), key=content)
    found = [_described(list(models), called) for _, models in groups]
    return sorted(found, key=lambda file: (file.store, file.name.casefold()))


def _described(models: Sequence[StoredModel], called: dict[str, int]) -> FoundFile:
    # A name that other files have too would be refused.
    names = [m.name if called[m.reference] == 1 else m.reference for m in models]
    first, stores = models[0], dict.fromkeys(model.store for model in models)
    size, quantization, architecture, weights = 0, None, None, None
    problem = first.problem
    if problem is None:
        try:
            parts = split_parts(first.path)
            size = sum(part.stat().st_size for part in parts)
            headers = [read_header(part) for part in parts]
            quantization, architecture = headers[0].quantization, headers[0].architecture
            weights = sum(header.parameter_count for header in headers)
            problem = headers[0].refusal
        except HeaderError as error:
            problem = f"it {error.problem}"
        except (ValuescopeError, OSError) as error:
            problem = str(error)
    return FoundFile(
        name=names[0],
        store=", ".join(stores),
        path=first.path,
        other_names=tuple(name for name in dict.fromkeys(names[1:]) if name != names[0]),
        file_bytes=size,
        quantization=quantization,
        architecture=architecture,
        parameter_count=weights,
        problem=problem,
    )
