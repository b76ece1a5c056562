#!/usr/bin/env bash
# Install what the tests use of Debian beyond Python, a C compiler and make: a browser for the
# report's pages, and PostgreSQL for the shared warehouse. Without them those tests are skipped, and
# say so. Needs root where one is missing.
set -euo pipefail

missing=()
command -v chromium >/dev/null || missing+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null \
    || missing+=(postgresql)
if ((${#missing[@]})); then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
