"""Print the path of a llama-cpp-python wheel for this machine, compiling it once if need be.

The wheel is compiled from the hash-checked source archive with hash-checked build tools, and tried
(`valuescope.scorer.trial`) before it is kept in a cache folder of its own for each kind of machine
code. Where the engine dies or computes wrong numbers, it is compiled again with less of what the
processor has. A build that fails or is interrupted leaves nothing behind.

    python -m scripts.engine_wheel wheel STAMPS    # print the path of the wheel
    python -m scripts.engine_wheel state STAMPS    # note in STAMPS/engine-key what is needed

STAMPS is the folder where the settings of earlier calls (CC, CFLAGS, ...) are remembered.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from valuescope.scorer.engine.processor import processor_features
from valuescope.scorer.trial.records import PACKAGE, Engine, cache_folder
from valuescope.scorer.trial.try_engine import Trial, try_engine
from valuescope.scorer.trial.variants import Variant, build_variants
from valuescope.warehouse.errors import ValuescopeError

ROOT = Path(__file__).resolve().parents[1]
# What a user sets to shape the machine code; remembered from one call of make to the next.
SETTINGS = ("CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "CMAKE_ARGS")
HASHED = ("--disable-pip-version-check", "--no-deps", "--require-hashes", "--requirement")
_LOCKS = ("requirements/engine.lock", "requirements/engine-build.lock")
_HEADER = ROOT / "scripts" / "tile_configuration.h"
_SHOWN_LINES = 30
# How a log ends when the compiler itself failed, and not what it was given.
_CRASH = re.compile(
    r"internal compiler error|signal terminated program|frontend command failed"
    r"|PLEASE submit a bug report|Segmentation fault|Illegal instruction|Killed"
)


class CompilerCrashError(Exception):
    """The compiler died; with other flags it may not."""


@dataclass(frozen=True)
class Build:
    """What decides the engine's machine code: settings, compilers and this machine.

    `python` is the Python that the wheel is for.
    """

    settings: Mapping[str, str]
    python: str = sys.executable

    @cached_property
    def key(self) -> str:
        """The name of the build's cache folder, which depends on all that shapes machine code."""
        parts = [
            *((ROOT / lock).read_text(encoding="utf-8") for lock in _LOCKS),
            _HEADER.read_text(encoding="utf-8"),
            sys.implementation.cache_tag,
            platform.system(),
            platform.machine(),
            " ".join(sorted(processor_features())),
            repr(build_variants(processor_features())),
            *(f"{name}={self.settings.get(name, '')}" for name in SETTINGS),
            *self._compiler_versions.values(),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def missing_compiler(self) -> str | None:
        """A compiler that is not installed."""
        return next((name for name, text in self._compiler_versions.items() if not text), None)

    def require_compilers(self, program: str, command: str) -> None:
        """Raise ValuescopeError where `program` cannot be compiled, and say how to go on."""
        if self.missing_compiler is not None:
            raise ValuescopeError(
                f"no compiler '{self.missing_compiler}'; {program} is compiled from source: "
                f"apt install build-essential (macOS: xcode-select --install), then {command}"
            )

    def environment(self, variant: Variant) -> dict[str, str]:
        """Return the environment that cmake and the compilers run in."""
        flags = {
            "CFLAGS": (self.settings.get("CFLAGS"), variant.compiler_flags),
            "CXXFLAGS": (self._repair, self.settings.get("CXXFLAGS"), variant.compiler_flags),
            "CMAKE_ARGS": (self.settings.get("CMAKE_ARGS"), variant.cmake_args),
        }
        chosen = {**self.settings, **{name: _joined(parts) for name, parts in flags.items()}}
        others = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        return {**others, **{name: value for name, value in chosen.items() if value}}

    @property
    def _repair(self) -> str:
        """The flag that mends gcc's tile configuration; other compilers need none."""
        is_gcc = "Free Software Foundation" in self._compiler_versions[self._compilers[1]]
        return f"-include {shlex.quote(str(_HEADER))}" if is_gcc else ""

    @property
    def _compilers(self) -> tuple[str, str]:
        return self.settings.get("CC") or "cc", self.settings.get("CXX") or "c++"

    @cached_property
    def _compiler_versions(self) -> dict[str, str]:
        """What each compiler says of its version; empty where it is missing."""
        return {compiler: _version(compiler) for compiler in self._compilers}


def remembered_settings(stamps: Path) -> dict[str, str]:
    """Return the settings of earlier calls and, before them, those of this one."""
    path = stamps / "engine-settings.json"
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    given = {name: os.environ[name] for name in SETTINGS if name in os.environ}
    return {**earlier, **given}


def note_state(build: Build, stamps: Path) -> None:
    """Write down which engine is needed and whether the installed one was tried, if it changed.

    make installs the engine again when this file is newer than the last installation.
    """
    state = stamps / "engine-key"
    _write_if_changed(stamps / "engine-settings.json", json.dumps(build.settings) + "\n")
    if build.missing_compiler is not None and state.is_file():
        return  # an engine that is installed needs no compiler
    try:
        tried = Engine.installed().is_tried()
    except ValuescopeError:
        tried = False
    _write_if_changed(state, f"{build.key} {'tried' if tried else 'not tried'}\n")


def engine_wheel(build: Build) -> Path:
    """Return a wheel that passed its trial on this machine, compiling it if none is kept.

    Raises ValuescopeError when there is no compiler, when compiling fails, or when no variant
    passes.
    """
    folder = cache_folder() / "wheels" / build.key
    for wheel in folder.glob("*.whl"):
        trial = _tried(build, wheel, kept_variant(build))
        if not trial.failures:
            return wheel
        _say(f"The kept engine {trial.reason}. Compiling it anew.")
    build.require_compilers(PACKAGE, "make setup")
    _say(
        f"Compiling {PACKAGE}, once for this machine: about 7 minutes on 2 cores.\n"
        "For a GPU stop here (Ctrl-C) and say which, for example: "
        'CMAKE_ARGS="-DGGML_CUDA=on" make setup'
    )
    with working_folder(folder.parent) as work:
        create_build_venv(build, work)
        wheel, variant = _first_that_works(build, work)
        (wheel.parent / "variant").write_text(f"{variant.name}\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        wheel.parent.rename(folder)
    return folder / wheel.name


def kept_variant(build: Build) -> Variant:
    """Return how the kept wheel was compiled."""
    kept = cache_folder() / "wheels" / build.key / "variant"
    name = kept.read_text(encoding="utf-8").strip() if kept.is_file() else None
    variants = build_variants(processor_features())
    return next((variant for variant in variants if variant.name == name), variants[0])


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """Give a folder beside what is kept, which is gone afterwards, whatever happens."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="building.", dir=parent)
    except OSError as problem:
        raise ValuescopeError(
            f"cannot write to {parent} ({problem.strerror}), where what is compiled is kept; "
            "name another folder: VALUESCOPE_CACHE=/path make setup"
        ) from problem
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    with folder as name:
        yield Path(name)


def create_build_venv(build: Build, work: Path) -> None:
    """Create a virtual environment `venv` with the hash-checked build tools."""
    run([build.python, "-m", "venv", work / "venv"], work, os.environ)
    run([work / "venv" / "bin" / "pip", "install", *HASHED, _LOCKS[1]], work, os.environ)


def run(command: Sequence[str | Path], work: Path, environment: Mapping[str, str]) -> None:
    """Run a command of the build, with the build tools first on the path and a quiet log.

    Raises CompilerCrashError or ValuescopeError with the log's last lines.
    """
    path = f"{work / 'venv' / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    with (work / "log").open("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            # Temporary files of pip and cmake go with the folder, also when they are killed.
            env={**environment, "PATH": path, "TMPDIR": str(work)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        log.seek(0)
        text = log.read()
    if code == 0:
        return
    shown = "\n".join(f"  {line}" for line in text.splitlines()[-_SHOWN_LINES:])
    if code < 0 or _CRASH.search(text):
        raise CompilerCrashError(shown)
    raise ValuescopeError(
        f"compiling the engine failed; the log ends with\n{shown}\n"
        f"`{Path(command[0]).name} {command[1]}` ended with exit code {code}. Nothing was kept. "
        "Mend what the log names, or name another compiler: CC=clang CXX=clang++ make setup"
    )


def _first_that_works(build: Build, work: Path) -> tuple[Path, Variant]:
    variants = build_variants(processor_features())
    seen = []
    for variant, following in zip(variants, (*variants[1:], None), strict=True):
        try:
            wheel = _compile(build, variant, work)
        except CompilerCrashError as crash:
            _say(f"The log of the compiler ends with\n{crash}")
            reason = "the compiler crashes"
        else:
            trial = _tried(build, wheel, variant)
            if not trial.failures:
                return wheel, variant
            reason = f"the engine {trial.reason}"
        seen.append(f"{variant.name}: {reason}")
        if following is not None:
            _say(f"Compiled {variant.name}, {reason}. Compiling again: {following.name}.")
    raise ValuescopeError(
        "no engine that was compiled works on this processor ("
        + "; ".join(seen)
        + "). Nothing was kept. Try another compiler: CC=clang CXX=clang++ make setup"
    )


def _compile(build: Build, variant: Variant, work: Path) -> Path:
    """Return the wheel of one variant, alone in its folder."""
    folder = work / variant.name.replace(" ", "-")
    pip = work / "venv" / "bin" / "pip"
    # pip's own wheel cache ignores flags, so it stays out of this.
    options = ("--no-cache-dir", "--no-build-isolation", *HASHED, _LOCKS[0], "--wheel-dir")
    run([pip, "wheel", *options, folder], work, build.environment(variant))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _tried(build: Build, wheel: Path, variant: Variant) -> Trial:
    """Return the trial of a wheel, and record it if it was passed."""
    with tempfile.TemporaryDirectory(prefix="valuescope-engine-") as folder:
        packages = Path(folder)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
        engine = Engine.unpacked(packages)
        if engine.is_tried():
            return Trial(())
        trial = try_engine(build.python, packages)
        if not trial.failures:
            engine.keep(trial, variant.name)
        return trial


def _version(compiler: str) -> str:
    try:
        command = [*shlex.split(compiler), "--version"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return found.stdout + found.stderr or "no version"


def _joined(parts: Sequence[str | None]) -> str:
    return " ".join(part for part in parts if part)


def _write_if_changed(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def fail(problem: ValuescopeError) -> NoReturn:
    """End the script as a user's command ends."""
    sys.exit(f"error: {problem}")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("task", choices=("wheel", "state"))
    parser.add_argument("stamps", type=Path, help="where settings are remembered")
    parser.add_argument("--python", default=sys.executable, help="the Python that it is for")
    arguments = parser.parse_args()
    build = Build(remembered_settings(arguments.stamps), arguments.python)
    try:
        if arguments.task == "state":
            note_state(build, arguments.stamps)
        else:
            sys.stdout.write(f"{engine_wheel(build)}\n")
    except ValuescopeError as problem:
        fail(problem)


if __name__ == "__main__":
    main()
