"""Every command of README and docs is one that valuescope takes, and every query one that runs.

Commands are read as the command line reads them, options, choices and numbers included, and are not
carried out: pages whose commands print what the page shows have tests of their own.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import duckdb
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from valuescope.cli import cli
from valuescope.warehouse.home import CLONE

PAGES = [CLONE / "README.md", *sorted((CLONE / "docs").glob("*.md"))]
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
# What comes after the command in a line of a shell.
ENDS = {"|", "&&", ";", ">", "&"}
SHELLS = {"", "sh", "bash"}
# A dbt project of the reader's own; PostgreSQL.
NOT_OURS = {"installing.md", "shared-warehouse.md"}


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of each `valuescope` command of a page."""
    for language, text in FENCED.findall(page.read_text(encoding="utf-8")):
        if language not in SHELLS:
            continue
        # A quoted query and a backslash go on in the next line.
        for words in split_lines(text):
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0], re.DOTALL):
                words = words[1:]
            if words[:1] == ["valuescope"]:
                end = next((n for n, word in enumerate(words) if word in ENDS), len(words))
                yield words[1:end]


def split_lines(text: str) -> Iterator[list[str]]:
    whole = ""
    for line in text.replace("\\\n", " ").splitlines():
        whole += f"{line}\n"
        try:
            yield shlex.split(whole, comments=True)
        except ValueError:
            continue
        whole = ""


def queries(page: Path) -> Iterator[str]:
    """Yield the statements of a page: its blocks of SQL, and what `valuescope sql` is given."""
    for language, text in FENCED.findall(page.read_text(encoding="utf-8")):
        if language == "sql":
            yield from (part for part in text.split(";") if part.strip())
    for words in commands(page):
        if words[:1] == ["sql"] and len(words) > 1 and not words[1].startswith("-"):
            yield words[1]


def problem(arguments: list[str]) -> str | None:
    """Return what the command line has against a command; None where it takes it."""
    command: click.Command = cli
    context = click.Context(cli, info_name="valuescope")
    try:
        while isinstance(command, click.Group):
            name, found, arguments = command.resolve_command(context, arguments)
            assert found is not None
            assert name is not None
            # Without callbacks of eager options, and without running anything.
            if isinstance(found, click.Group):
                context = click.Context(found, parent=context, info_name=name)
            else:
                found.make_context(name, list(arguments), parent=context)
            command = found
    except click.ClickException as error:
        return error.format_message()
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_taken(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    # Pages set it, and write their studies, before.
    monkeypatch.setenv("VALUESCOPE_LANDING", "s3://lab-bucket/values")
    for words in commands(page):
        for word in words:
            if word.endswith(".toml"):
                (tmp_path / word).touch()
    found = {shlex.join(words): problem(words) for words in commands(page)}
    assert {command: said for command, said in found.items() if said} == {}


def test_commands_are_found_and_faults_in_them_too() -> None:
    count = sum(len(list(commands(page))) for page in PAGES)
    assert count > 60
    assert "No such option '--modle'" in str(problem(["score", "--modle", "x"]))
    assert "'xml' is not one of" in str(problem(["report", "--format", "xml"]))
    assert problem(["lake", "create", "somewhere"]) is None


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in NOT_OURS], ids=lambda page: page.name
)
def test_queries_run(page: Path, agreement: AgreementStudy) -> None:
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        connection.execute("set schema = 'marts'")
        for statement in queries(page):
            connection.execute(statement)
