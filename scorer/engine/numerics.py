"""The settings that shape rounding errors and speed, for code that never loads the engine."""

import hashlib
import importlib.metadata
import json
import os
from dataclasses import asdict, dataclass

# More than any model has.
ALL_LAYERS = 999
AUTO, AS_IS = "auto", "as-is"
BYTES_A_WEIGHT = {"f32": 4, "f16": 2}
COMPUTE_TYPES = (AUTO, *BYTES_A_WEIGHT, AS_IS)
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


def common_compute_type(parameter_count: int, gpu_layers: int) -> str:
    """Return the computation that machines which share a study choose without measuring.

    float32 where no GPU is used and the weights written out take at most 8 GB, half of what a
    usual machine has.
    """
    size = parameter_count * BYTES_A_WEIGHT["f32"]
    return "f32" if not gpu_layers and size <= _COMMON_BYTES else AS_IS


def fits_memory(parameter_count: int, compute_type: str) -> bool:
    """Return whether weights written out take at most half of the machine's memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return parameter_count * BYTES_A_WEIGHT[compute_type] <= memory / 2
