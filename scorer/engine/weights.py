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
from dataclasses import dataclass, replace
from pathlib import Path

from valuescope.scorer.engine.contexts import BatchToken, Model
from valuescope.scorer.engine.llama import llama
from valuescope.scorer.engine.log import quiet_log
from valuescope.scorer.engine.numerics import (
    AS_IS,
    AUTO,
    BYTES_A_WEIGHT,
    Numerics,
    common_compute_type,
    fits_memory,
)
from valuescope.scorer.models.files import ModelFile, require_unchanged
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home

# float32 is free of rounding, so it may be a little slower and still be chosen.
_ACCEPTED_SLOWNESS = 0.8
_MEASURED_TOKENS = 256
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
    """Return the computation that `numerics` names or, for "auto", the one that suits this machine.

    A model keeps the computation `earlier` of its runs in this home, so that designs compare.
    Else float32 is chosen where it takes at most half of the memory, no GPU is used and it
    proves hardly slower than the file as it is. Machines that share a study must all choose the
    same: without `measures` the choice is `common_compute_type`. Raises ValuescopeError when the
    model cannot be loaded or written out.
    """
    named = numerics.compute_type
    if named == AS_IS:
        return Computation(AS_IS, model_file.path)
    if named != AUTO and (written := _written(model_file, named, home)):
        return Computation(named, written)
    with Model.of(model_file) as model:
        parameter_count = model.description.parameter_count
        if named != AUTO:
            return Computation(named, computed_file(model_file, parameter_count, named, home))
        if earlier is not None:
            path = computed_file(model_file, parameter_count, earlier, home)
            return Computation(earlier, path)
        if not measures:
            return _common_computation(model_file, parameter_count, numerics, home)
        if numerics.gpu_layers or not fits_memory(parameter_count, "f32"):
            return Computation(AS_IS, model_file.path)
        as_is = tokens_a_second(model, numerics, threads)
    path = computed_file(model_file, parameter_count, "f32", home)
    with Model.of(model_file, path) as model:
        f32 = tokens_a_second(model, numerics, threads)
    speeds = f"{f32:.0f} tokens/s in float32, {as_is:.0f} as in the file"
    if f32 < _ACCEPTED_SLOWNESS * as_is:
        return Computation(AS_IS, model_file.path, f"Computing with the file as it is: {speeds}.")
    return Computation(
        "f32", path, f"Computing with the file's weights written out in float32: {speeds}."
    )


def _common_computation(
    model_file: ModelFile, parameter_count: int, numerics: Numerics, home: Home
) -> Computation:
    common = common_compute_type(parameter_count, numerics.gpu_layers)
    if common != AS_IS and not fits_memory(parameter_count, common):
        raise _too_large(model_file, parameter_count, common)
    return Computation(common, computed_file(model_file, parameter_count, common, home))


def _too_large(model_file: ModelFile, parameter_count: int, compute_type: str) -> ValuescopeError:
    needed = parameter_count * BYTES_A_WEIGHT[compute_type]
    return ValuescopeError(
        f"{model_file.name} written out in {compute_type} takes {needed / 1e9:.1f} GB, more than "
        "half of this machine's memory. A study is computed alike on all machines: give all of "
        "them --compute as-is, or score this model on larger ones."
    )


def tokens_a_second(model: Model, numerics: Numerics, threads: int) -> float:
    """Return the speed of reading one prompt, the better of two tries after a warm-up."""
    entries = [
        BatchToken(token % model.description.vocabulary_size, token, (0,), ())
        for token in range(_MEASURED_TOKENS)
    ]
    size = _MEASURED_TOKENS + numerics.batch_size
    seconds = []
    with model.new_context(size, replace(numerics, compute_type=AS_IS), threads) as context:
        for _ in range(3):
            context.clear()
            started = time.perf_counter()
            for batch in context.batches(entries):
                context.decode(batch)
            seconds.append(time.perf_counter() - started)
    return _MEASURED_TOKENS / min(seconds[1:])


def computed_file(
    model_file: ModelFile, parameter_count: int, compute_type: str, home: Home
) -> Path:
    """Return the GGUF to load: the model's own, or its weights written out as `compute_type`.

    The written file is kept in the cache under `computed` and may be deleted at any time.
    float32 holds every quantized weight exactly; float16 rounds some in the fourth digit.
    Raises ValuescopeError when the disk has no room or llama.cpp cannot write the file.
    """
    if compute_type == AS_IS:
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
