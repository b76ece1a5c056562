#!/usr/bin/env bash
# Print the path of a llama-cpp-python wheel for this machine, compiling it once if need be.
#
# The wheel is compiled from the hash-checked source archive with hash-checked build tools and kept
# in a cache folder of its own for each kind of machine code (engine_key in engine_source.sh). An
# interrupted build leaves nothing in the cache.
# Usage: scripts/engine_wheel.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/engine_source.sh

python=${1:?usage: scripts/engine_wheel.sh PYTHON}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/valuescope/wheels
key=$(engine_key "$python")
folder=$cache/$key

if ! ls "$folder"/*.whl >/dev/null 2>&1; then
    require_compilers llama-cpp-python "make setup"
    cat >&2 <<MESSAGE
Compiling llama-cpp-python, once for this machine: about 7 minutes on 2 cores.
For a GPU stop here (Ctrl-C) and say which, for example: CMAKE_ARGS="-DGGML_CUDA=on" make setup
MESSAGE
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    create_build_venv "$python" "$work/venv"
    # pip's own wheel cache ignores CMAKE_ARGS, so it stays out of this.
    PATH="$work/venv/bin:$PATH" "$work/venv/bin/pip" wheel --disable-pip-version-check \
        --no-cache-dir --no-build-isolation --no-deps --require-hashes \
        --requirement requirements/engine.lock --wheel-dir "$work/wheel" >&2
    rm -rf "$folder"
    mv "$work/wheel" "$folder"
fi
ls "$folder"/*.whl
