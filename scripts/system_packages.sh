#!/usr/bin/env bash
# Install what the tests use of Debian beyond Python, a C compiler and make: a browser for the
# report's pages. Without it those tests are skipped, and say so. Needs root where one is missing.
set -euo pipefail

missing=()
command -v chromium >/dev/null || missing+=(chromium)
if ((${#missing[@]})); then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
