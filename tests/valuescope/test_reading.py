"""docs/reading.md and its notebook, carried out on a study as a reader would."""

import ast
import json
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.valuescope.conftest import COUNTRIES, succeed
from valuescope.warehouse.home import CLONE

DOCS = CLONE / "docs"
PAGE = (DOCS / "reading.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PYTHON = [text for language, text in FENCED if language == "python"]
COMMANDS = [
    line
    for language, text in FENCED
    if language == "sh"
    for line in text.splitlines()
    if line.startswith("valuescope ")
]
NOTEBOOK = json.loads((DOCS / "examples" / "first_look.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(c["source"]) for c in NOTEBOOK["cells"] if c["cell_type"] == "code"]


def carry_out(blocks: Iterable[str]) -> tuple[dict[str, Any], list[Any]]:
    """The names that the blocks define one after the other, and what each block shows."""
    names: dict[str, Any] = {}
    shown = []
    for block in blocks:
        *before, last = ast.parse(block).body
        if isinstance(last, ast.Expr):
            exec(compile(ast.Module(before, []), "block", "exec"), names)
            shown.append(eval(compile(ast.Expression(last.value), "block", "eval"), names))
        else:
            exec(block, names)
    return names, shown


@pytest.fixture
def reader(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with the study where the page has it."""
    (tmp_path / "my-study").symlink_to(study)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VALUESCOPE_HOME", str(tmp_path / "my-study"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_the_page_says_works(reader: Path) -> None:
    for line in COMMANDS:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "valuescope"
        paths = [str(reader / word) if word[:6] == "tables" else word for word in arguments]
        succeed(reader / "my-study", *paths)
    names, shown = carry_out(PYTHON)
    names["connection"].close()

    assert [len(frame) for frame in shown] == [1, 1]
    assert shown[1]["country_name"].tolist() == ["Japan"]
    assert len(names["countries"]) == len(COUNTRIES)
    pd.testing.assert_frame_equal(names["countries"], names["the_same"], check_dtype=False)


def test_the_notebook_starts_in_two_lines_and_runs_to_its_end(reader: Path) -> None:
    assert len([line for line in CELLS[0].splitlines() if line]) == 2
    _, shown = carry_out(CELLS)

    assert [len(frame) for frame in shown] == [1, len(COUNTRIES), 10, len(shown[3])]
    assert shown[1]["pearson_r"].notna().all()
    assert len(shown[3]) > 0


def test_the_notebook_is_kept_without_output() -> None:
    assert not [c for c in NOTEBOOK["cells"] if c.get("outputs") or c.get("execution_count")]


def test_links_lead_to_files_that_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (DOCS / link).is_file(), link
