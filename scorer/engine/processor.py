"""The processor of this machine: its name and what it can compute with."""

import platform
import subprocess
from functools import cache
from pathlib import Path

# What the kernels of llama.cpp differ in, as this module spells the features of x86 and ARM.
NOTABLE_FEATURES = {
    "AVX2": "avx2",
    "AVX-512": "avx512f",
    "AMX": "amx_tile",
    "NEON": "asimd",
    "SVE": "sve",
}
_CPUINFO = Path("/proc/cpuinfo")
# macOS spells some features of x86 differently.
_APPLE_SPELLINGS = {"avx1.0": "avx", "sse4.2": "sse4_2"}


def is_x86() -> bool:
    """Return True on 64-bit processors by Intel, AMD and their like."""
    return platform.machine().lower() in ("x86_64", "amd64")


def processor_name() -> str:
    """Return the name that the system gives the processor."""
    names = [value for key, value in _cpuinfo() if key in ("model name", "Model")]
    return names[0] if names else _sysctl("machdep.cpu.brand_string") or platform.machine()


@cache
def processor_features() -> frozenset[str]:
    """Return the processor's features, spelled as Linux does: avx2, amx_tile, asimd, ..."""
    for key, value in _cpuinfo():
        if key in ("flags", "Features"):
            return frozenset(value.split())
    if not is_x86():
        # llama.cpp's kernels differ among these processors by no more than their names do.
        return frozenset(["asimd", processor_name()])
    listed = _sysctl("machdep.cpu.features") + " " + _sysctl("machdep.cpu.leaf7_features")
    features = listed.lower().split()
    return frozenset(_APPLE_SPELLINGS.get(feature, feature) for feature in features)


def notable_features() -> tuple[str, ...]:
    """Return the names of those `NOTABLE_FEATURES` that the processor has."""
    features = processor_features()
    return tuple(name for name, feature in NOTABLE_FEATURES.items() if feature in features)


@cache
def _cpuinfo() -> tuple[tuple[str, str], ...]:
    """Return keys and values of the first processor that Linux describes."""
    if not _CPUINFO.is_file():
        return ()
    first = _CPUINFO.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return tuple((key.strip(), value.strip()) for key, _, value in pairs)


def _sysctl(name: str) -> str:
    try:
        found = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return found.stdout.strip()
