"""The version of this clone, written beside whatever it loads or scores."""

import hashlib
import subprocess
import tomllib
from functools import cache

from valuescope.warehouse.home import CLONE, DBT_PROJECT, SEEDS

_SCORING_CODE = ("scorer", "scorer/cluster", "warehouse")


@cache
def project_version() -> str:
    """The version in the clone's pyproject.toml."""
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def project_commit() -> str | None:
    """The commit of the clone; None where it is no git repository or there is no git."""
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
    """What the code that scores is: the first 12 hex digits of the SHA-256 of its files.

    Clones of one version may differ; machines that share a study may not.
    """
    files = [
        *(path for folder in _SCORING_CODE for path in (CLONE / folder).glob("*.py")),
        CLONE / "scorer" / "templates.toml",
        SEEDS / "models.csv",
    ]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(CLONE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
