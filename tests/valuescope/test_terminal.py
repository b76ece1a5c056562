"""What commands show on terminals of any width, with colours or without, and in pipes."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.valuescope.conftest import command, environment, run
from valuescope.warehouse.home import CLONE

ESCAPE = "\x1b"
COMMANDS = [
    ("status",),
    ("report",),
    ("models",),
    ("models", "smollm2-135m-instruct"),
    ("sql", "--list"),
    ("sql", "from agg_country_correlations"),
    ("sql", "select country_id, pearson_r from agg_country_correlations"),
]
# Paths and hashes are printed on one line, so that they can be copied; the terminal breaks them.
UNBROKEN = ("Home: ", "Models and ", "dbt project: ", "Built", "file", "package_file")


def on_terminal(home: Path, *arguments: str, columns: int = 40, **variables: str) -> str:
    """What a command shows on a terminal of that width; it must succeed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    settings = {**environment(home), "TERM": "xterm-256color", **variables}
    for name in {"COLUMNS", "LINES", "NO_COLOR"} - variables.keys():
        settings.pop(name, None)
    process = subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=settings, cwd=CLONE
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # Linux, at the end
            break
        if not read:
            break
        shown += read
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode().replace("\r\n", "\n")


def plain(text: str) -> list[str]:
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).splitlines()]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_forty_columns_are_enough(study: Path, arguments: tuple[str, ...]) -> None:
    lines = plain(on_terminal(study, *arguments, columns=40))
    broken = [line for line in lines if len(line) > 40 and not line.startswith(UNBROKEN)]
    # Messages are left to the terminal to break, too.
    assert [line for line in broken if not line.endswith(".")] == []


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_color_means_no_escape_sequence(study: Path, arguments: tuple[str, ...]) -> None:
    assert ESCAPE not in on_terminal(study, *arguments, NO_COLOR="1")


def test_colours_and_bold_type_are_for_terminals_that_have_them(study: Path) -> None:
    statement = ("sql", "select 1 as one")
    assert ESCAPE in on_terminal(study, *statement)
    assert ESCAPE in on_terminal(study, *statement, NO_COLOR="")
    assert ESCAPE not in on_terminal(study, *statement, TERM="dumb")


def test_no_name_is_broken_on_a_narrow_terminal(study: Path) -> None:
    text = "\n".join(plain(on_terminal(study, "status")))
    for whole in ("smollm2-135m-instruct", "answers.csv", "finished", "template"):
        assert whole in text
    models = "\n".join(plain(on_terminal(study, "models")))
    assert "llama-3.2-1b-instruct" in models
    rows = "\n".join(plain(on_terminal(study, "sql", "from agg_country_correlations")))
    assert "common_best_other_country_id" in rows
    assert rows.count("country_id  ") >= 6


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_pipe_gets_data_and_nothing_else(study: Path, arguments: tuple[str, ...]) -> None:
    finished = run(study, *arguments)
    assert finished.returncode == 0
    text = finished.stdout.decode()
    assert ESCAPE not in text
    assert "\r" not in text
    for message in ("Here: the file", "rows; --max-rows", "Next:"):
        assert message not in text


def test_in_a_pipe_a_row_is_a_line_however_many_columns_there_are(study: Path) -> None:
    lines = run(study, "sql", "from agg_country_correlations").stdout.decode().splitlines()
    assert len(lines) == 6 + 4
    assert len({len(line) for line in lines}) == 1


def test_progress_is_for_terminals(study: Path, tmp_path: Path) -> None:
    finished = run(study, "export", "--replication", str(tmp_path / "package"))
    assert finished.returncode == 0
    assert "\n\n" not in finished.stderr.decode()
    assert not finished.stderr.decode().startswith("\n")
    assert "Packing" not in finished.stderr.decode()
