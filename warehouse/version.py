"""The version of this clone, written beside whatever it loads or scores."""

import tomllib
from functools import cache

from warehouse.home import CLONE


@cache
def project_version() -> str:
    """The version in the clone's pyproject.toml."""
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])
