#!/usr/bin/env bash
# Print the path of llama.cpp's own multiple-choice scorer, the program llama-perplexity, for this
# machine, compiling it once if need be. The benchmarks compare valuescope with it.
#
# It comes from the same hash-checked source archive as the wheel of engine_wheel.sh, with the same
# build tools, options and cache key. An interrupted build leaves nothing in the cache.
# Usage: scripts/multiple_choice_tool.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/engine_source.sh

python=${1:?usage: scripts/multiple_choice_tool.sh PYTHON}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/valuescope/tools
key=$(engine_key "$python")
folder=$cache/$key

if [ ! -x "$folder/llama-perplexity" ]; then
    require_compilers llama-perplexity "make bench"
    echo "Compiling llama-perplexity, once for this machine: about 7 minutes on 2 cores." >&2
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    create_build_venv "$python" "$work/venv"
    export PATH="$work/venv/bin:$PATH"
    pip download --quiet --disable-pip-version-check --no-binary :all: --no-build-isolation \
        --no-deps --require-hashes --requirement requirements/engine.lock \
        --dest "$work/archive" >&2
    mkdir "$work/source" "$work/tool"
    tar -xzf "$work"/archive/*.tar.gz -C "$work/source" --strip-components=1
    # One file that runs from anywhere. What decides the speed (the processor's instructions,
    # OpenMP, llamafile's kernels) is llama.cpp's default here as in the wheel.
    # shellcheck disable=SC2086 # CMAKE_ARGS is a list of words
    cmake -S "$work/source/vendor/llama.cpp" -B "$work/build" -G Ninja \
        -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DLLAMA_OPENSSL=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF \
        -DLLAMA_BUILD_APP=OFF ${CMAKE_ARGS:-} >&2
    cmake --build "$work/build" --target llama-perplexity >&2
    cp "$work/build/bin/llama-perplexity" "$work/tool"
    rm -rf "$folder"
    mv "$work/tool" "$folder"
fi
echo "$folder/llama-perplexity"
