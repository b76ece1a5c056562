"""From a model's name or path to its GGUF file and what the file says about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from warehouse.home import Home
from warehouse.instrument import Instrument, RegisteredModel


@dataclass(frozen=True)
class ModelFile:
    """One GGUF model on disk, identified by its content.

    `paths` holds one file, or the parts of a split model in order. `is_chat` comes with its
    reason, so that a wrong guess about a file outside the registry can be seen and overridden.
    """

    model_id: str
    model_name: str
    paths: tuple[Path, ...]
    registered: RegisteredModel | None
    is_chat: bool
    is_chat_because: str
    architecture: str | None
    parameter_count: int | None
    quantization: str | None
    context_length: int
    vocabulary_size: int
    chat_template: str | None
    adds_bos: bool
    bos_text: str
    eos_text: str

    @property
    def path(self) -> Path:
        """The file to open: the only one or the first part."""
        return self.paths[0]

    @property
    def file_bytes(self) -> int:
        """Size of all parts together."""
        return sum(path.stat().st_size for path in self.paths)


@dataclass(frozen=True)
class ModelLocation:
    """Where a registered model's file is or would come from.

    `source` is "file" (in VALUESCOPE_HOME), "package" (installed), "package not installed",
    "hub" (a download) or "unknown" (the registry knows no file).
    """

    source: str
    path: Path | None
    description: str


def locate_model(registered: RegisteredModel, home: Home) -> ModelLocation:
    """Say where the model's file is, without downloading, assembling or importing anything."""
    raise NotImplementedError


def resolve_model(
    name_or_path: str,
    home: Home,
    instrument: Instrument,
    *,
    is_chat: bool | None = None,
    notify: Callable[[str], None] | None = None,
) -> ModelFile:
    """Find, fetch where needed, hash and describe a model.

    `is_chat` overrides what registry and file say; `notify` is told of slow steps (download,
    assembly, hashing). Raises ValuescopeError for an unknown name, a missing, truncated or
    foreign file, an embedding model, and a download that fails.
    """
    raise NotImplementedError
