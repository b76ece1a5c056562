"""The version of valuescope, written beside whatever it loads or scores."""

import hashlib
import importlib.metadata
import subprocess
from functools import cache

from valuescope.warehouse.home import CLONE, DBT_PROJECT, IS_CLONE, ROOMS, SEEDS

_SCORING_ROOMS = ("scorer", "warehouse")


@cache
def project_version() -> str:
    """Return the version of the installed package."""
    return importlib.metadata.version("valuescope")


def project_commit() -> str | None:
    """Return the commit of the clone; None outside of a git repository or without git."""
    if not IS_CLONE:
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(CLONE), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def code_sha256() -> str:
    """SHA-256 of the SQL and Python that compute the tables, as dbt's `record_inputs` takes it."""
    files = [
        DBT_PROJECT / "dbt_project.yml",
        *DBT_PROJECT.glob("macros/**/*.sql"),
        *DBT_PROJECT.glob("models/**/*.sql"),
        *DBT_PROJECT.glob("models/**/*.py"),
    ]
    hashes = [hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files, key=str)]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


@cache
def scoring_code_fingerprint() -> str:
    """Return the first 12 hex digits of the SHA-256 of the code that scores.

    Installations of one version may differ; machines that share a study may not.
    """
    files = [
        # A home may lie in a room of a clone; it holds no Python package.
        *(
            path
            for room in _SCORING_ROOMS
            for package in (ROOMS / room).rglob("__init__.py")
            for path in package.parent.glob("*.py")
        ),
        ROOMS / "scorer" / "templates.toml",
        SEEDS / "models.csv",
    ]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOMS).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
