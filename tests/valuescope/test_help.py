import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.valuescope.conftest import succeed
from valuescope.cli import COMMANDS, main


@pytest.mark.parametrize("name", ["score", "sql", "doctor", "export"])
def test_examples_in_a_help_stand_on_lines_of_their_own(tmp_path: Path, name: str) -> None:
    text = succeed(tmp_path, name, "--help")
    lines = [line.strip() for line in text.split("Examples:")[1].splitlines() if line.strip()]
    assert len(lines) >= 2
    assert all(line.startswith(f"valuescope {name} ") for line in lines)
    assert "\\b" not in text


def test_on_windows_one_line_says_where_it_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit, match="On Windows, install it in WSL"):
        main()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_the_first_of_its_own_help(name: str) -> None:
    text = import_module(f"valuescope.commands.{name}").command.help
    assert " ".join(text.split("\n\n")[0].split()) == COMMANDS[name]
