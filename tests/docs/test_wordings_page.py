"""The example of docs/wordings.md, carried out as a reader would."""

import re
import shlex
from pathlib import Path

import pytest

from tests.valuescope.conftest import succeed
from valuescope.warehouse.home import CLONE, Home

PAGE = (CLONE / "docs" / "wordings.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([a-z.]+)`\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
FENCED = re.findall(r"^```(\w*)\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS_AND_PROMPTS = [text for language, text in FENCED if not language]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    folder = home.wordings / "deutsch"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return home


def test_the_example_has_every_file_that_a_set_may_have() -> None:
    listed = re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)
    assert list(FILES) == listed


@pytest.mark.parametrize(
    ("command", "prompt"),
    list(zip(COMMANDS_AND_PROMPTS[::2], COMMANDS_AND_PROMPTS[1::2], strict=True)),
    ids=["with a country", "about a group", "without a country"],
)
def test_the_commands_of_the_example_show_what_the_page_says(
    home: Home, command: str, prompt: str
) -> None:
    program, *arguments = shlex.split(command)
    assert program == "valuescope"
    assert f"\n{prompt}\n" in succeed(home.path, *arguments)
