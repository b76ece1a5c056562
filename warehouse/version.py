"""The version of valuescope, written beside all that it loads or scores."""

import hashlib
import importlib.metadata
import subprocess
import sys
from functools import cache

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, DBT_PROJECT, IS_CLONE, ROOMS, SEEDS

_SCORING_ROOMS = ("scorer", "warehouse")


@cache
def installed_package() -> importlib.metadata.Distribution:
    """Return what pip knows of this package. Raises ValuescopeError if it is not installed."""
    try:
        return importlib.metadata.distribution("valuescope")
    except importlib.metadata.PackageNotFoundError as error:
        raise ValuescopeError(
            f"valuescope is not installed in {sys.prefix}, so its version is unknown. Run `make "
            "setup` in the clone, or `pip install -e .`."
        ) from error


def project_version() -> str:
    """Return the version of the installed package."""
    return installed_package().version


def install_command(extra: str) -> str:
    """Return the command that installs an extra of this package, in backquotes."""
    if IS_CLONE:
        return f"`.venv/bin/pip install -e '.[{extra}]'` in the clone"
    return f"`pip install 'valuescope[{extra}]'`"


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
    """Return the SHA-256 of the code that computes and checks tables, as `record_inputs` does."""
    files = [
        DBT_PROJECT / "dbt_project.yml",
        *DBT_PROJECT.glob("macros/**/*.sql"),
        *DBT_PROJECT.glob("models/**/*.sql"),
        *DBT_PROJECT.glob("models/**/*.yml"),
        *DBT_PROJECT.glob("tests/**/*.sql"),
        *DBT_PROJECT.glob("models/**/*.py"),
        *DBT_PROJECT.glob("python/**/*.py"),
    ]
    hashes = [hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files, key=str)]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


@cache
def scoring_code_fingerprint() -> str:
    """Return the first 12 hex digits of the SHA-256 of the code that scores.

    Installations of one version may differ; machines that share a study may not.
    """
    files = [
        # A home may be in a room of a clone; it holds no Python package.
        *(
            path
            for room in _SCORING_ROOMS
            for package in (ROOMS / room).rglob("__init__.py")
            for path in package.parent.glob("*.py")
        ),
        ROOMS / "scorer" / "planning" / "templates.toml",
        SEEDS / "models.csv",
    ]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOMS).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
