"""An engine broken on purpose: real llama.cpp, with kernels that die or compute nonsense."""

import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

# The dynamic linker takes these for llama.cpp's own: Q4_1 dies, Q6_K forgets all but one product.
_KERNELS = """
#include <signal.h>
#include <stddef.h>

void ggml_vec_dot_q4_1_q8_1(int n, float *s, size_t bs, const void *x, size_t bx, const void *y,
                            size_t by, int nrc) {
    raise(SIGILL);
}

void ggml_vec_dot_q6_K_q8_K(int n, float *s, size_t bs, const void *x, size_t bx, const void *y,
                            size_t by, int nrc) {
    *s = (float)n;
}
"""
_LOAD_FIRST = """
import ctypes, pathlib
kernels = pathlib.Path(__file__).parent / "lib" / "libggml-broken.so"
ctypes.CDLL(str(kernels), ctypes.RTLD_GLOBAL)
"""


def broken_kernels(folder: Path) -> Path:
    """Compile the kernels into a library; whatever process preloads it has the broken engine."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler, or no Linux to preload a library with")
    source, library = folder / "kernels.c", folder / "libggml-broken.so"
    source.write_text(_KERNELS, encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def write_wheel(path: Path, kernels: Path | None = None) -> None:
    """Write the installed engine as a wheel, broken by `kernels`."""
    spec = find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    with zipfile.ZipFile(path, "w") as wheel:
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                content = file.read_bytes()
                if kernels is not None and file == package / "__init__.py":
                    content = _LOAD_FIRST.encode() + content
                wheel.writestr(str(file.relative_to(package.parent)), content)
        if kernels is not None:
            wheel.write(kernels, "llama_cpp/lib/libggml-broken.so")
