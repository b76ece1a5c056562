"""Lay DuckDB's extensions, which came as packages, where DuckDB looks for them: no download."""

import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb

PACKAGES = ("duckdb_extension_ducklake", "duckdb_extension_postgres_scanner")


def main() -> None:
    """Link the extensions of this environment into its folder `extensions`."""
    platform = duckdb.execute("pragma platform").fetchall()[0][0]
    folder = Path(sys.prefix, "extensions", f"v{duckdb.__version__}", platform)
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        found = find_spec(package)
        if found is None or not found.submodule_search_locations:
            sys.exit(f"error: no package {package}; make lake")
        (extension,) = Path(found.submodule_search_locations[0]).rglob("*.duckdb_extension")
        link = folder / extension.name
        link.unlink(missing_ok=True)
        link.symlink_to(extension)


main()
