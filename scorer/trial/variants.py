"""Ways to compile an engine for a processor: with all it has, or with less if that fails."""

from collections.abc import Collection
from dataclasses import dataclass

from valuescope.scorer.engine.processor import is_x86

_WITHOUT_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
# llama.cpp's options for x86, and the features of the processor that each needs.
_X86_OPTIONS = {
    "GGML_SSE42": "sse4_2",
    "GGML_AVX": "avx",
    "GGML_AVX2": "avx2",
    "GGML_FMA": "fma",
    "GGML_F16C": "f16c",
    "GGML_BMI2": "bmi2",
}


@dataclass(frozen=True)
class Variant:
    """A way of compiling: flags for both compilers and options for cmake, added to the user's."""

    name: str
    compiler_flags: str = ""
    cmake_args: str = ""


def build_variants(features: Collection[str]) -> tuple[Variant, ...]:
    """Return the variants worth trying on a processor with `features`, the fastest first."""
    variants = [Variant("native")]
    if "amx_tile" in features:
        variants.append(Variant("without AMX", compiler_flags=_WITHOUT_AMX))
    options = ["GGML_NATIVE=OFF"]
    if is_x86():
        options += [
            f"{option}={'ON' if feature in features else 'OFF'}"
            for option, feature in _X86_OPTIONS.items()
        ]
    variants.append(Variant("not native", cmake_args=" ".join(f"-D{o}" for o in options)))
    return tuple(variants)
