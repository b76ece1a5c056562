"""Who may import whom, and what a command's start may cost."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from valuescope.warehouse.home import CLONE

# A room imports itself and the rooms of the floors below.
FLOORS = (("warehouse",), ("ingest", "scorer", "reports"), ("valuescope",))
SLOW = {"altair", "dbt", "duckdb", "llama_cpp", "numpy", "pandas", "pyarrow", "scipy"}


def modules() -> dict[str, Path]:
    """The file of each module, by the name it is imported by."""
    found = {}
    for room in ("valuescope", "warehouse", "ingest", "scorer", "reports"):
        for path in (CLONE / room).rglob("*.py"):
            if (path.parent / "__init__.py").exists():
                parts = path.relative_to(CLONE).with_suffix("").parts
                parts = parts if room == "valuescope" else ("valuescope", *parts)
                found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    """The room of a module; the command line's own is `valuescope`."""
    name = module.split(".")[1] if "." in module else "valuescope"
    return name if any(name in floor for floor in FLOORS) else "valuescope"


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All that runs, wherever it is: not what is imported for annotations alone."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from statements(node)


def imported(module: str) -> Iterator[str]:
    """The modules of ours that a module imports."""
    for node in statements(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in inside]
        else:
            continue
        # The package itself comes with each of its modules.
        yield from (name for name in names if name in MODULES and name != "valuescope")


GRAPH = {module: set(imported(module)) for module in MODULES}


def test_every_import_of_ours_is_seen() -> None:
    assert "valuescope.warehouse.home" in GRAPH["valuescope.warehouse.database.connections"]
    assert {room(module) for module in GRAPH} == {name for floor in FLOORS for name in floor}


def test_a_room_imports_only_rooms_of_floors_below() -> None:
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    assert [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        for other in others
        if room(module) != room(other) and floor[room(other)] >= floor[room(module)]
    ] == []


def test_a_folder_has_at_most_nine_modules() -> None:
    # Each command is a module.
    exceptions = {CLONE / "valuescope" / "commands"}
    folders = Counter(path.parent for path in MODULES.values() if path.name != "__init__.py")
    assert {folder: n for folder, n in folders.items() if n > 9 and folder not in exceptions} == {}


def test_no_modules_import_one_another_in_a_circle() -> None:
    TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_import_nothing_slow(arguments: list[str]) -> None:
    script = (
        "import sys, valuescope as vs; assert 'click' not in sys.modules\n"
        "from valuescope.cli import cli; vs.score, vs.ingest\n"
        f"cli.main({arguments!r}, standalone_mode=False)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], cwd=CLONE, capture_output=True, text=True, check=True
    )
    started = set(finished.stderr.split())
    assert "click" in started
    assert not started & SLOW
