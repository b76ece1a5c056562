# What the scripts that compile llama.cpp share; they source it from the clone's root.
# shellcheck shell=bash

processor_features() {
    if [ -r /proc/cpuinfo ]; then
        grep -m1 -E '^(flags|Features)' /proc/cpuinfo || true
    else
        sysctl -n machdep.cpu.brand_string 2>/dev/null || true
    fi
}

# engine_key PYTHON: the name of a build's cache folder. It depends on everything that shapes the
# machine code: the lock files, the Python, the system, the processor's features (a build uses
# what this processor has) and CMAKE_ARGS.
engine_key() {
    {
        cat requirements/engine.lock requirements/engine-build.lock
        "$1" -c 'import sys; print(sys.implementation.cache_tag)'
        uname -sm
        processor_features
        printf '%s\n' "${CMAKE_ARGS:-}"
    } | "$1" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])'
}

# require_compilers NAME COMMAND: exit where NAME cannot be compiled, and say how to go on.
require_compilers() {
    local compiler
    for compiler in "${CC:-cc}" "${CXX:-c++}"; do
        if ! command -v "${compiler%% *}" >/dev/null; then
            echo "error: no compiler '$compiler'; $1 is compiled from source:" \
                "apt install build-essential (macOS: xcode-select --install), then $2" >&2
            exit 1
        fi
    done
}

# create_build_venv PYTHON FOLDER: a virtual environment with the hash-checked build tools.
create_build_venv() {
    "$1" -m venv "$2"
    "$2/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps \
        --requirement requirements/engine-build.lock >&2
}
