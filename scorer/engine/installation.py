"""Faults of the installed llama-cpp-python, in one line, for code that never loads it."""

import importlib.metadata
import importlib.util
import os
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import IS_CLONE
from valuescope.warehouse.version import installed_package

_PACKAGE, _EXTRA = "llama-cpp-python", "score"


def import_path() -> str:
    """Return where this process imports from, as PYTHONPATH for one that it starts."""
    return os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)


def require_engine() -> None:
    """Raise ValuescopeError where a package of the extra `score` is missing or out of range."""
    needed = [
        requirement
        for requirement in map(Requirement, installed_package().requires or ())
        if requirement.marker is not None and requirement.marker.evaluate({"extra": _EXTRA})
    ]
    # Without any of them, the message names the engine itself.
    for requirement in sorted(needed, key=lambda requirement: requirement.name != _PACKAGE):
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError as error:
            raise _unusable(f"has no {requirement.name}") from error
        if version not in requirement.specifier:
            raise _unusable(f"has {requirement.name} {version}, not {requirement.specifier}")


def engine_libraries() -> frozenset[str]:
    """Return the file names of llama.cpp's libraries, none of which is loaded for it."""
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.origin is None:
        return frozenset()
    return frozenset(path.name for path in (Path(found.origin).parent / "lib").glob("*ggml-*"))


def has_blas() -> bool:
    """Return whether llama.cpp was compiled with a BLAS."""
    return any(re.match(r"(lib)?ggml-blas", name) for name in engine_libraries())


def broken_engine(error: Exception) -> ValuescopeError:
    """Return what to say of a llama-cpp-python that raised `error` when it was imported."""
    version = importlib.metadata.version(_PACKAGE)
    return _unusable(
        f"has {_PACKAGE} {version}, which cannot be loaded ({' '.join(str(error).split())})",
        in_clone="run `make clean setup`",
        elsewhere=f"`pip install --force-reinstall --no-deps --no-cache-dir {_PACKAGE}=={version}`",
    )


def _unusable(
    problem: str,
    in_clone: str = "run `make setup` and call .venv/bin/valuescope",
    elsewhere: str = "`pip install 'valuescope[score]'`",
) -> ValuescopeError:
    remedy = f"In the clone, {in_clone}." if IS_CLONE else f"Install it: {elsewhere}."
    return ValuescopeError(f"Scoring needs llama.cpp: {sys.prefix} {problem}. {remedy}")
