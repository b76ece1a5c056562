"""Trials that an engine passed, so that each engine is tried once on each kind of processor."""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from valuescope.scorer.engine.installation import require_engine
from valuescope.scorer.engine.processor import processor_features
from valuescope.scorer.trial.try_engine import Trial, try_engine
from valuescope.scorer.trial.variants import Variant, build_variants
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, IS_CLONE, user_cache

PACKAGE = "llama-cpp-python"
# Counted up when the trial finds more than before: all engines are then tried again.
_REVISION = 1
# Engines that passed in the life of this process, which need not be read again.
_TRIED: set["Engine"] = set()


@dataclass(frozen=True)
class Engine:
    """The libraries of an installed llama.cpp, found without loading them."""

    folder: Path

    @classmethod
    def installed(cls) -> "Engine":
        """Return the engine that this Python would load. Raises ValuescopeError if there is none.

        LLAMA_CPP_LIB_PATH names another folder, as it does for llama-cpp-python.
        """
        spec = importlib.util.find_spec("llama_cpp")
        if spec is None or spec.origin is None:
            raise ValuescopeError(
                f"{PACKAGE}, which computes models, is not installed for {sys.executable}. "
                f"Install it: {_next_command(Variant('native'))}"
            )
        named = os.environ.get("LLAMA_CPP_LIB_PATH")
        return cls(Path(named) if named else Path(spec.origin).parent / "lib")

    @classmethod
    def unpacked(cls, packages: Path) -> "Engine":
        """Return the engine of a wheel that was unpacked into the folder `packages`."""
        return cls(packages / "llama_cpp" / "lib")

    def record(self) -> Path:
        """Return where its passed trial on this kind of processor is recorded.

        The name depends on the bytes of the libraries and on the processor's features, so it is
        the same wherever the engine is installed.
        """
        digest = hashlib.sha256(f"{_REVISION}\n".encode())
        digest.update(" ".join(sorted(processor_features())).encode())
        for library in sorted(self.folder.glob("*ggml*")) + sorted(self.folder.glob("*llama*")):
            digest.update(f"\n{library.name}\n".encode())
            digest.update(library.read_bytes())
        return cache_folder() / "trials" / f"{digest.hexdigest()[:16]}.json"

    def is_tried(self) -> bool:
        """Return True if a passed trial is on record."""
        return self.record().is_file()

    def keep(self, trial: Trial, variant: str | None = None) -> None:
        """Record a passed trial, and the variant that was compiled where it is known.

        A cache folder that cannot be written is not an error: the trial is then repeated next time.
        """
        path = self.record()
        text = json.dumps({"variant": variant or self.variant(), **asdict(trial)}, indent=2)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(f".{os.getpid()}.tmp")
            unfinished.write_text(text + "\n", encoding="utf-8")
            unfinished.replace(path)

    def variant(self) -> str | None:
        """Return how it was compiled, where `make setup` compiled it and its trial is on record."""
        try:
            recorded = json.loads(self.record().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        variant = recorded.get("variant")
        return variant if isinstance(variant, str) else None


def cache_folder() -> Path:
    """Return the folder for engines and their trials, for a moment only without a user's folder."""
    return user_cache() or Path(tempfile.gettempdir()) / f"valuescope-{os.getuid()}"


def require_tried_engine(on_trial: Callable[[], None] = lambda: None) -> None:
    """Make sure that the installed engine computes right numbers on this processor.

    An engine without a passed trial on record is tried in a process of its own, which takes about
    two seconds; `on_trial` is called before. llama.cpp is never loaded into the calling process.
    Raises ValuescopeError when there is no engine or its trial fails, naming the weight type, the
    signal or the difference, the engine's folder and the next command.
    """
    require_engine()
    engine = Engine.installed()
    if engine in _TRIED or engine.is_tried():
        _TRIED.add(engine)
        return
    on_trial()
    trial = try_engine()
    if trial.failures:
        raise failed_trial(engine, trial)
    engine.keep(trial)


def failed_trial(engine: Engine, trial: Trial) -> ValuescopeError:
    """Return the error for an engine that does not work here, with the command that replaces it."""
    command = (
        "make setup"
        if IS_CLONE and Path(sys.prefix) == CLONE / ".venv"
        else _next_command(_next_variant(trial.compiled_features))
    )
    return ValuescopeError(
        f"The engine in {engine.folder} does not work on this processor: it {trial.reason}. "
        f"Compile it anew: {command}. If that fails too, put CC=clang CXX=clang++ in front of it."
    )


def _next_variant(compiled_features: tuple[str, ...]) -> Variant:
    """Return what to compile after an engine with `compiled_features`; none if it did not load."""
    variants = build_variants(processor_features())
    if not compiled_features:
        return variants[0]
    if "AMX_INT8" in compiled_features:
        return variants[1]
    return variants[-1]


def _next_command(variant: Variant) -> str:
    """Return the command that compiles a variant for this Python."""
    settings = {
        "CFLAGS": variant.compiler_flags,
        "CXXFLAGS": variant.compiler_flags,
        "CMAKE_ARGS": variant.cmake_args,
    }
    given = "".join(f'{name}="{value}" ' for name, value in settings.items() if value)
    try:
        version = f"=={importlib.metadata.version(PACKAGE)}"
    except importlib.metadata.PackageNotFoundError:
        version = ""
    return (
        f"{given}{sys.executable} -m pip install --force-reinstall --no-deps --no-cache-dir "
        f"--no-binary {PACKAGE} {PACKAGE}{version}"
    )
