"""The precision that weights are computed with: as they are in the file, or written out first.

Reading a prompt is bound by arithmetic. Weights written out in float32 need no rounding of
activations, so answers no longer depend on which tokens share a batch, and on many processors
they are faster too; they take more memory.
"""

import ctypes
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from valuescope.scorer.engine.contexts import LEAST_BLAS_ROWS, BatchToken, Model
from valuescope.scorer.engine.installation import has_blas
from valuescope.scorer.engine.llama import llama
from valuescope.scorer.engine.log import quiet_log
from valuescope.scorer.engine.numerics import (
    AS_IS,
    AUTO,
    BYTES_A_WEIGHT,
    EXACT,
    FAST,
    GOALS,
    UNPACKED,
    Numerics,
    common_compute_type,
    fits_memory,
)
from valuescope.scorer.models.files import ModelFile, require_unchanged
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home

# The survey with label_text answers is half a million tokens: more than a day below this.
_SLOWEST_EXACT = 6.0
# Of computations that are nearly as fast as the fastest, the one that rounds least is taken.
_ACCEPTED_SLOWNESS = 0.8
_MEASURED_SECONDS, _MOST_TRIES = 1.0, 3
_NAMES = {"f32": "float32 weights", "f16": "float16 weights", AS_IS: "the file's own weights"}
_NAMES[UNPACKED] = "weights unpacked for each product"
_FILE_TYPES = {"f32": llama.LLAMA_FTYPE_ALL_F32, "f16": llama.LLAMA_FTYPE_MOSTLY_F16}


@dataclass(frozen=True)
class Computation:
    """A way to compute a model, the GGUF to load for it, and the reason if there was a choice."""

    compute_type: str
    path: Path
    reason: str | None = None


def choose_computation(
    model_file: ModelFile,
    numerics: Numerics,
    home: Home,
    threads: int,
    earlier: str | None = None,
    measures: bool = True,
) -> Computation:
    """Return the computation that `numerics` names, or the one that its goal leads to here.

    - "exact": float32, unpacked or float16, the first that is possible here (`exact_computations`).
    - "auto": a model keeps the computation `earlier` of its runs in this home, so that designs
      compare. Else as "exact", passing over what is slower than `_SLOWEST_EXACT`, but not over
      float16; the file as it is where nothing is left, or on a GPU. The speed of the file as it is
      plays no part, so that no machine rounds more because it is faster.
    - "fast": the fastest, or `earlier` or one that rounds less where that is hardly slower.

    Machines that share a study must all choose the same: without `measures` the choice is
    `common_compute_type`. Raises ValuescopeError when the model cannot be loaded or written out, or
    memory holds nothing exact that was asked for.
    """
    named = numerics.compute_type
    if named == AS_IS:
        return Computation(AS_IS, model_file.path)
    if named not in GOALS and (written := _written(model_file, named, home)):
        return Computation(named, written)
    with Model.of(model_file, vocabulary_only=True) as model:
        parameter_count, has_experts = model.description.parameter_count, model.has_experts
    candidates = _Candidates(model_file, parameter_count, has_experts, numerics, home, threads)
    if named not in GOALS:
        return candidates.named(named)
    if named == AUTO and earlier is not None:
        return candidates.named(earlier)
    if not measures:
        return candidates.common()
    if named == FAST:
        return candidates.fastest(earlier)
    return candidates.least_rounding()


def exact_computations(
    parameter_count: int, has_experts: bool, numerics: Numerics
) -> tuple[str, ...]:
    """Return the computations that hardly round and are possible, the least rounding first."""
    fitting = {kind for kind in BYTES_A_WEIGHT if fits_memory(parameter_count, kind)}
    if _not_unpacked(has_experts, numerics) is None:
        fitting.add(UNPACKED)
    return tuple(kind for kind in ("f32", UNPACKED, "f16") if kind in fitting)


def _not_unpacked(has_experts: bool, numerics: Numerics) -> str | None:
    """Return why BLAS cannot multiply all of a model's weights; None where it can."""
    if not has_blas():
        return "this llama.cpp was compiled without BLAS (docs/scoring.md)"
    if numerics.gpu_layers:
        return "a GPU does not use BLAS"
    if has_experts:
        return "llama.cpp does not give it the weights of experts"
    if numerics.batch_size < LEAST_BLAS_ROWS:
        return f"it needs --batch-size {LEAST_BLAS_ROWS} or more"
    return None


@dataclass(frozen=True)
class _Candidates:
    """The ways to compute a model, of which one is chosen."""

    model_file: ModelFile
    parameter_count: int
    has_experts: bool
    numerics: Numerics
    home: Home
    threads: int

    @property
    def _exact(self) -> tuple[str, ...]:
        return exact_computations(self.parameter_count, self.has_experts, self.numerics)

    def named(self, compute_type: str) -> Computation:
        problem = _not_unpacked(self.has_experts, self.numerics)
        if compute_type == UNPACKED and problem:
            raise ValuescopeError(
                f"{self.model_file.name} cannot be computed {UNPACKED}: {problem}. Name another "
                "--compute."
            )
        return self.computation(compute_type)

    def computation(self, compute_type: str, reason: str | None = None) -> Computation:
        path = computed_file(self.model_file, self.parameter_count, compute_type, self.home)
        return Computation(compute_type, path, reason)

    def common(self) -> Computation:
        goal = self.numerics.compute_type
        common = common_compute_type(self.parameter_count, self.numerics.gpu_layers, goal)
        if common == AS_IS and goal == EXACT:
            raise self._not_exact("8 GB, which machines that share a study are taken to have")
        if common != AS_IS and not fits_memory(self.parameter_count, common):
            raise _too_large(self.model_file, self.parameter_count, common)
        return self.computation(common)

    def least_rounding(self) -> Computation:
        is_auto = self.numerics.compute_type == AUTO
        if is_auto and self.numerics.gpu_layers:
            return self.computation(AS_IS)
        possible = self._exact
        if not possible and not is_auto:
            raise self._not_exact("half of this machine's memory")
        slow = ""
        for kind in possible:
            if kind == "f16" or not is_auto:
                why = slow or "which round least of what is possible here"
                return self.computation(kind, f"Computing with {_NAMES[kind]}, {why}.")
            speed = self._speed(kind)
            if speed >= _SLOWEST_EXACT:
                return self.computation(
                    kind,
                    f"Computing with {_NAMES[kind]}, which hardly round: {speed:.0f} tokens/s.",
                )
            slow = (
                f"because {_NAMES[kind]} read {speed:.1f} tokens/s, with which the survey would "
                "take more than a day"
            )
        why = slow or f"because half of the memory does not hold {self._gigabytes('f16')}"
        return self.computation(
            AS_IS,
            f"Computing with {_NAMES[AS_IS]}, which round to 8 bits if they are quantized, {why}.",
        )

    def fastest(self, earlier: str | None) -> Computation:
        kept = {self.model_file.path, *written_files(self.home)}
        speeds = {kind: self._speed(kind) for kind in (*self._exact, AS_IS)}
        preferred = [kind for kind in (earlier, *speeds) if kind in speeds]
        least = _ACCEPTED_SLOWNESS * max(speeds.values())
        found = next(kind for kind in preferred if speeds[kind] >= least)
        for kind in set(speeds) - {found}:
            if (path := self.computation(kind).path) not in kept:
                path.unlink(missing_ok=True)
        listed = ", ".join(f"{_NAMES[k]} {speed:.0f} tokens/s" for k, speed in speeds.items())
        return self.computation(found, f"Computing with {_NAMES[found]}: {listed}.")

    def _speed(self, compute_type: str) -> float:
        with Model.of(
            self.model_file,
            self.computation(compute_type).path,
            self.numerics.gpu_layers,
            unpacks=compute_type == UNPACKED,
        ) as model:
            return tokens_a_second(model, self.numerics, self.threads)

    def _gigabytes(self, compute_type: str) -> str:
        return f"{self.parameter_count * BYTES_A_WEIGHT[compute_type] / 1e9:.1f} GB"

    def _not_exact(self, room: str) -> ValuescopeError:
        return ValuescopeError(
            f"Nothing exact holds {self.model_file.name}: its weights written out in float16 take "
            f"{self._gigabytes('f16')}, more than {room}. Take a machine with more memory, or "
            "--compute fast, which rounds."
        )


def _too_large(model_file: ModelFile, parameter_count: int, compute_type: str) -> ValuescopeError:
    needed = parameter_count * BYTES_A_WEIGHT[compute_type]
    return ValuescopeError(
        f"{model_file.name} written out in {compute_type} takes {needed / 1e9:.1f} GB, more than "
        "half of this machine's memory. A study is computed alike on all machines: give all of "
        "them --compute as-is, or score this model on larger ones."
    )


def tokens_a_second(model: Model, numerics: Numerics, threads: int) -> float:
    """Return the speed of reading a batch: the best of a few tries after a warm-up, one if slow."""
    size = numerics.batch_size
    entries = [
        BatchToken(token % model.description.vocabulary_size, token, (0,), ())
        for token in range(size)
    ]
    seconds: list[float] = []
    with model.new_context(size, numerics, threads) as context:
        context.decode(entries)
        while sum(seconds) < _MEASURED_SECONDS and len(seconds) < _MOST_TRIES:
            context.clear()
            started = time.perf_counter()
            context.decode(entries)
            seconds.append(time.perf_counter() - started)
    return size / min(seconds)


def computed_file(
    model_file: ModelFile, parameter_count: int, compute_type: str, home: Home
) -> Path:
    """Return the GGUF to load: the model's own, or its weights written out as `compute_type`.

    The written file is kept in the cache under `computed` and may be deleted at any time.
    float32 holds every quantized weight exactly; float16 rounds some in the fourth digit.
    Raises ValuescopeError when the disk has no room or llama.cpp cannot write the file.
    """
    if compute_type in (AS_IS, UNPACKED):
        return model_file.path
    if written := _written(model_file, compute_type, home):
        return written
    folder = home.cache / "computed"
    target = folder / _file_name(model_file, compute_type)
    needed = parameter_count * BYTES_A_WEIGHT[compute_type]
    # One name, so that what a killed process leaves is overwritten by the next.
    temporary = target.with_suffix(".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _written_by_one(target):
            if target.is_file():
                return target
            free = shutil.disk_usage(folder).free
            if free < needed * 1.05:
                raise ValuescopeError(
                    f"The {compute_type} copy of {model_file.name} needs {needed / 1e9:.1f} GB in "
                    f"{folder}, where {free / 1e9:.1f} GB are free. Make room, or score with "
                    "--compute as-is."
                )
            try:
                write_weights(model_file.path, temporary, compute_type)
                require_unchanged(model_file)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ValuescopeError(
            f"Cannot write {target}: {error.strerror}. Score with --compute as-is, or set "
            "VALUESCOPE_CACHE to a folder that you may write to."
        ) from error
    return target


@contextmanager
def _written_by_one(target: Path) -> Iterator[None]:
    """Let one process at a time write `target`; on a file system without locks, any."""
    with target.with_suffix(".lock").open("w", encoding="ascii") as lock:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def written_files(home: Home) -> tuple[Path, ...]:
    """Return all files of written-out weights; those in the home are of earlier versions."""
    folders = (home.models / "computed", home.cache / "computed")
    return tuple(path for folder in folders for path in sorted(folder.glob("*.gguf")))


def _written(model_file: ModelFile, compute_type: str, home: Home) -> Path | None:
    name = _file_name(model_file, compute_type)
    return next((path for path in written_files(home) if path.name == name), None)


def _file_name(model_file: ModelFile, compute_type: str) -> str:
    return f"{model_file.model_id}.{compute_type}.gguf"


def write_weights(source: Path, target: Path, compute_type: str) -> None:
    """Write the weights of one GGUF out as `compute_type` into another.

    Raises ValuescopeError when llama.cpp cannot.
    """
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = _FILE_TYPES[compute_type]
    parameters.allow_requantize = True
    with quiet_log() as log:
        code = llama.llama_model_quantize(
            os.fsencode(source), os.fsencode(target), ctypes.byref(parameters)
        )
        if code != 0:
            raise ValuescopeError(
                f"llama.cpp could not write {source} out as {compute_type}: {log.first_error}. "
                "Score with --compute as-is."
            )
