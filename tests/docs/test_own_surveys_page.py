"""The example of docs/own-surveys.md, carried out as a reader would."""

import csv
import re
import shlex

import pytest

from tests.valuescope.conftest import succeed
from valuescope.warehouse.home import CLONE

PAGE = (CLONE / "docs" / "own-surveys.md").read_text(encoding="utf-8")
EXAMPLE = CLONE / "docs" / "examples" / "neighbours"
FENCED = re.findall(r"^```(\w*)\n(.*?\n)```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [line for language, text in FENCED if not language for line in text.splitlines()]
SHOWN = [text for language, text in FENCED if language == "csv"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each command of the page prints, in one home."""
    home = tmp_path_factory.mktemp("page") / "home"
    printed = []
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "valuescope"
        printed.append(succeed(home, *arguments))
    return printed


def test_the_choices_shown_are_those_of_the_example() -> None:
    header, *rows = SHOWN[0].splitlines()
    lines = (EXAMPLE / "choices.csv").read_text(encoding="utf-8").splitlines()

    assert lines[0] == header
    assert "\n".join(rows) in "\n".join(lines)


def test_the_commands_print_what_the_page_shows(outputs: list[str]) -> None:
    assert "survey neighbours" in outputs[0]
    assert outputs[3] == SHOWN[1]


def test_every_country_is_compared(outputs: list[str]) -> None:
    for country_id in ("CAN", "IND", "JPN", "KEN", "PER", "POL"):
        assert country_id in outputs[4]
    assert "null" not in outputs[4]


@pytest.mark.parametrize("name", ["questions", "choices", "marginals"])
def test_every_column_of_the_example_stands_on_the_page(name: str) -> None:
    with (EXAMPLE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    section = PAGE[PAGE.index(f"`{name}.csv`, a row") :].split("\n\n")[1]

    for column in columns:
        assert f"`{column}`" in section
