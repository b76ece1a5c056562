"""The settings that shape rounding errors and speed, for code that never loads the engine."""

import hashlib
import importlib.metadata
import json
import os
from dataclasses import asdict, dataclass

# More than any model has.
ALL_LAYERS = 999
AUTO, EXACT, FAST, AS_IS = "auto", "exact", "fast", "as-is"
# The file's weights, of which each matrix is unpacked to float32 whenever it is multiplied.
UNPACKED = "unpacked"
# Of weights written out, from the one that rounds least on.
BYTES_A_WEIGHT = {"f32": 4, "f16": 2}
# What a user wants; a run is recorded with the computation that it leads to.
GOALS = (AUTO, EXACT, FAST)
COMPUTE_TYPES = (*GOALS, *BYTES_A_WEIGHT, UNPACKED, AS_IS)
PATHS = ("auto", "tree", "copies", "sequence")
_COMMON_BYTES = 8e9


@dataclass(frozen=True)
class Numerics:
    """The settings that shape rounding errors, part of every row's identity.

    An F32 cache and no flash attention agree best between scoring paths. Small batches are as
    fast as large ones, because attention reads all that the cache holds.
    """

    compute_type: str = AUTO
    kv_cache_type: str = "f32"
    flash_attention: bool = False
    batch_size: int = 128
    gpu_layers: int = 0


def numerics_id(numerics: Numerics, path: str, draws: int | None = None) -> str:
    """Return the identity of all that moves answers by rounding or by chance: 16 hex digits.

    `draws` is the number of sampled answers of each cell, None where none are.
    """
    content = asdict(numerics) | {"scoring_path": path, "engine_version": engine_version()}
    if draws is not None:
        content["draws"] = draws
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def engine_version() -> str:
    """Return the version of llama-cpp-python, which fixes that of llama.cpp."""
    return f"llama-cpp-python {importlib.metadata.version('llama-cpp-python')}"


def default_threads() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_batch_size(gpu_layers: int) -> int:
    """Return how many tokens to decode at once: a GPU is faster with more, a processor is not."""
    return 512 if gpu_layers else Numerics.batch_size


def common_compute_type(parameter_count: int, gpu_layers: int, goal: str = AUTO) -> str:
    """Return the computation that machines which share a study choose without measuring.

    The one that rounds least among those whose weights take at most 8 GB, half of what a usual
    machine has; for "fast", and by default on a GPU, the file as it is.
    """
    if goal == FAST or (goal == AUTO and gpu_layers):
        return AS_IS
    sizes = BYTES_A_WEIGHT.items()
    return next((k for k, size in sizes if parameter_count * size <= _COMMON_BYTES), AS_IS)


def fits_memory(parameter_count: int, compute_type: str) -> bool:
    """Return whether weights written out take at most half of the machine's memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return parameter_count * BYTES_A_WEIGHT[compute_type] <= memory / 2
