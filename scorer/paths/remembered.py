"""What probes have found, so that a design that is opened again need not be tried again.

A probe costs as much as some dozens of cells, and minutes with a large model: much, where few cells
are added to those that are there.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from valuescope.scorer.engine.numerics import Numerics, numerics_id
from valuescope.scorer.trial.records import Engine
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.landing_zone.shards import write_text
from valuescope.warehouse.version import scoring_code_fingerprint


@dataclass(frozen=True)
class TriedPath:
    """That a path agrees with single sequences on cells of up to `longest` tokens.

    `difference` and `bound` are those of `OpenedScorer`.
    """

    longest: int
    difference: float
    bound: float


class TriedPaths:
    """What is known of one subject, such as a model file and a design, in a folder of small files.

    Another engine, processor, setting of the computation or code finds anew. Without a folder, and
    on a GPU, whose driver is not known, nothing is remembered.
    """

    def __init__(self, folder: Path | None, subject: Sequence[str], numerics: Numerics) -> None:
        self._folder = None if numerics.gpu_layers else folder
        self._subject, self._numerics = subject, numerics

    def of(self, path: str, longest: int) -> TriedPath | None:
        """Return what is known of a path for cells of up to `longest` tokens."""
        if self._folder is None:
            return None
        try:
            read = json.loads(self._file(self._folder, path).read_text(encoding="utf-8"))
            found = TriedPath(**read)
        except (OSError, ValueError, TypeError):
            return None
        return found if found.longest >= longest else None

    def remember(self, path: str, found: TriedPath) -> None:
        """Keep what was found where there is a place for it."""
        if self._folder is not None:
            with suppress(ValuescopeError):
                write_text(self._file(self._folder, path), json.dumps(asdict(found)))

    def _file(self, folder: Path, path: str) -> Path:
        identity = [*self._subject, numerics_id(self._numerics, path), *engine_and_code()]
        name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        return folder / f"{name}.json"


@cache
def engine_and_code() -> tuple[str, str]:
    """Return the identity of llama.cpp's libraries on this processor, and of the code that scores.

    Raises ValuescopeError if llama.cpp is not installed.
    """
    return Engine.installed().record().name, scoring_code_fingerprint()
