#!/usr/bin/env bash
# Create a virtual environment with a Python that valuescope supports (3.11 to 3.13).
# Usage: scripts/create_venv.sh FOLDER [PYTHON]
set -euo pipefail

folder=${1:?usage: scripts/create_venv.sh FOLDER [PYTHON]}

is_supported() {
    "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

python=${2:-}
if [ -z "$python" ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if is_supported "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ] || ! is_supported "$python"; then
    echo "error: no Python 3.11, 3.12 or 3.13${2:+ at '$2'};" \
        "install one and name it: make setup PYTHON=/path/to/python3.12" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "error: '$python' lacks venv; on Debian or Ubuntu: apt install python3-venv," \
        "then make setup" >&2
    exit 1
fi
"$python" -m venv "$folder"
