"""The examples of docs/bring-answers.md, carried out as a reader would."""

import ast
import json
import re
from pathlib import Path

import jinja2
import pytest
import yaml

from tests.valuescope.conftest import run, succeed
from valuescope.scorer.brought.columns import NUMBERS, TEXTS, VALUES
from valuescope.warehouse.home import CLONE

PAGE = (CLONE / "docs" / "bring-answers.md").read_text(encoding="utf-8")
FENCED = dict(re.findall(r"^```(\w+)\n(.*?\n)```$", PAGE, re.DOTALL | re.MULTILINE)[::-1])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prompts of two questions in one country."""
    folder = tmp_path_factory.mktemp("asked")
    few = ("--questions", "Q1,Q2", "--countries", "JPN", "--answer", "label")
    lines = succeed(folder / "home", "questions", *few, "--format", "jsonl")
    (folder / "asked.jsonl").write_text(lines, encoding="utf-8")
    return folder / "asked.jsonl"


def test_the_counts_are_what_the_page_says(tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    counts.write_text(FENCED["csv"], encoding="utf-8")
    told = run(tmp_path / "home", "land", str(counts), "--check").stderr.decode()
    assert told.replace(str(counts), "counts.csv") == FENCED["text"]


def test_the_requests_carry_prompts_and_ids(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asked.jsonl").write_bytes(asked.read_bytes())
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(import json.*?)```", PAGE, re.DOTALL)
    assert code is not None
    exec(code[1], {})
    requests = list(map(json.loads, (tmp_path / "requests.jsonl").read_text().splitlines()))
    cells = list(map(json.loads, asked.read_text().splitlines()))
    assert [
        (request["custom_id"], request["body"]["messages"][0]["content"]) for request in requests
    ] == [(cell["id"], cell["text"]) for cell in cells]


def test_the_task_file_asks_what_we_ask(asked: Path) -> None:
    """lm-eval renders with Jinja, and reads a list from what that gives."""
    task = yaml.safe_load(FENCED["yaml"])
    for cell in map(json.loads, asked.read_text().splitlines()):
        text, choices = (
            jinja2.Template(task[name]).render(cell) for name in ("doc_to_text", "doc_to_choice")
        )
        assert text == cell["text"]
        assert ast.literal_eval(choices) == [choice["answer"] for choice in cell["choices"]]


def test_every_column_is_on_the_page() -> None:
    for name in (*TEXTS, *NUMBERS, *VALUES):
        assert f"`{name}`" in PAGE
