#!/usr/bin/env bash
# Write requirements/*.lock anew from pyproject.toml: exact versions with the hashes of all their
# files, for every system and supported Python. Addresses of package indexes stay out.
# Needs uv. Usage: scripts/lock.sh [options of `uv pip compile`, such as --upgrade]
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v uv >/dev/null; then
    echo "error: no uv; pip install uv, then make lock" >&2
    exit 1
fi

compile() {
    local lock=$1
    shift
    uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --output-file "requirements/$lock" "$@"
}

# Carriers of models and data are locked on their own, without what they depend on.
compile dev.lock pyproject.toml --extra score --extra hub --extra ray --group dev --group install \
    --no-emit-package llama-cpp-python "$@"
compile run.lock pyproject.toml --extra score --group install --constraints requirements/dev.lock \
    --no-emit-package llama-cpp-python "$@"
compile engine.lock --group engine --no-deps "$@"
compile engine-build.lock --group engine-build "$@"
compile lake.lock --group lake --no-deps "$@"
compile demo.lock --group demo --no-deps "$@"
compile test-models.lock --group test-models --no-deps "$@"
