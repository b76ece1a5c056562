"""What several test files read and takes long to build: once a test run, whoever comes first."""

import fcntl
import os
import pickle
import shutil
from collections import defaultdict
from collections.abc import Callable
from itertools import chain
from typing import TypeVar

import pytest

from valuescope.warehouse.home import Home

# The fixtures that are built so, the longest first.
NAMES = ("agreement", "study", "pairs", "cultural_map")

Built = TypeVar("Built")


def built_once(
    factory: pytest.TempPathFactory, name: str, build: Callable[[Home], Built]
) -> tuple[Built, Home]:
    """What `build` returns, and a copy of the home that it fills, with the files beside it.

    One worker builds, and others that need it meanwhile wait. The copy is the worker's own:
    one that reads a DuckDB file would keep a dbt of another out.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, returned = shared / f"built-{name}", shared / f"built-{name}.pickle"
    with (shared / f"built-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not returned.exists():
            # Half of it, where another worker failed.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            returned.write_bytes(pickle.dumps(build(Home(folder / "home"))))
    own = shutil.copytree(folder, factory.mktemp(name) / "copy")
    return pickle.loads(returned.read_bytes()), Home(own / "home")


def put_builders_first(items: list[pytest.Item]) -> None:
    """Sort test files, kept whole: one for each build, then those that use them, then the rest.

    Workers begin with different builds then, and wait for none.
    """
    needed: dict[str, set[str]] = defaultdict(set)
    for item in items:
        fixtures, module = getattr(item, "fixturenames", ()), getattr(item, "module", None)
        # A module's own fixture of the same name is another.
        needed[str(item.path)].update(name for name in fixtures if not hasattr(module, name))
    users = [[path for path, fixtures in needed.items() if name in fixtures] for name in NAMES]
    builders = [paths[0] for paths in users if paths]
    order = list(dict.fromkeys(chain(builders, *users, needed)))
    items.sort(key=lambda item: order.index(str(item.path)))
