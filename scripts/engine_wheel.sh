#!/usr/bin/env bash
# Print the path of a llama-cpp-python wheel for this machine, compiling it once if need be.
#
# The wheel is compiled from the hash-checked source archive with hash-checked build tools and kept
# in a cache folder whose name depends on everything that shapes the machine code: the lock files,
# the Python, the system, the processor's features (the build uses what this processor has) and
# CMAKE_ARGS. An interrupted build leaves nothing in the cache.
# Usage: scripts/engine_wheel.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:?usage: scripts/engine_wheel.sh PYTHON}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/valuescope/wheels

processor_features() {
    if [ -r /proc/cpuinfo ]; then
        grep -m1 -E '^(flags|Features)' /proc/cpuinfo || true
    else
        sysctl -n machdep.cpu.brand_string 2>/dev/null || true
    fi
}

key=$({
    cat requirements/engine.lock requirements/engine-build.lock
    "$python" -c 'import sys; print(sys.implementation.cache_tag)'
    uname -sm
    processor_features
    printf '%s\n' "${CMAKE_ARGS:-}"
} | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])')
folder=$cache/$key

if ! ls "$folder"/*.whl >/dev/null 2>&1; then
    for compiler in "${CC:-cc}" "${CXX:-c++}"; do
        if ! command -v "${compiler%% *}" >/dev/null; then
            echo "error: no compiler '$compiler'; llama-cpp-python is compiled from source:" \
                "apt install build-essential (macOS: xcode-select --install), then make setup" >&2
            exit 1
        fi
    done
    cat >&2 <<MESSAGE
Compiling llama-cpp-python, once for this machine: about 7 minutes on 2 cores.
For a GPU stop here (Ctrl-C) and say which, for example: CMAKE_ARGS="-DGGML_CUDA=on" make setup
MESSAGE
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    "$python" -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps \
        --requirement requirements/engine-build.lock >&2
    # pip's own wheel cache ignores CMAKE_ARGS, so it stays out of this.
    PATH="$work/venv/bin:$PATH" "$work/venv/bin/pip" wheel --disable-pip-version-check \
        --no-cache-dir --no-build-isolation --no-deps --require-hashes \
        --requirement requirements/engine.lock --wheel-dir "$work/wheel" >&2
    rm -rf "$folder"
    mv "$work/wheel" "$folder"
fi
ls "$folder"/*.whl
