"""The command line as a user meets it, in a home of its own.

Commands run in this process, which saves Python's start and all imports: the entry point is called
with the arguments, environment, folder and standard streams of a user's. A test whose subject is
the process (a terminal, a signal, two commands at once, Ray) calls `run_apart` or starts `command`
in `environment`.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import pytest

from tests.dbt_project.study import WITHOUT_DATA_TESTS
from tests.shared_builds import built_once
from valuescope.cli import main
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.tables.build import build_warehouse

COUNTRIES = ("USA", "JPN", "DEU", "BRA", "NGA", "EGY")
QUESTIONS = ("Q1", "Q2", "Q3", "Q4", "Q5", "Q6")
STREAMS = ("stdin", "stdout", "stderr")

Run = Callable[..., subprocess.CompletedProcess[bytes]]


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"VALUESCOPE_HOME": str(home), "COLUMNS": "160"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "valuescope", *arguments]


def run(home: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run one command in this process."""
    before = dict(os.environ)
    with (
        TemporaryFile() as given,
        TemporaryFile() as stdout,
        TemporaryFile() as stderr,
        pytest.MonkeyPatch.context() as patch,
    ):
        given.write(stdin)
        given.seek(0)
        patch.chdir(CLONE)
        patch.setattr(sys, "argv", ["valuescope", *arguments])
        os.environ.update(environment(home))
        try:
            with standard_streams(given, stdout, stderr):
                status = exit_status()
        finally:
            os.environ.clear()
            os.environ.update(before)
        stdout.seek(0)
        stderr.seek(0)
        finished = subprocess.CompletedProcess(arguments, status, stdout.read(), stderr.read())
    return without_traceback(finished)


def run_apart(home: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run one command in a process of its own."""
    return without_traceback(
        subprocess.run(
            command(*arguments),
            env=environment(home),
            cwd=CLONE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    )


def without_traceback(
    finished: subprocess.CompletedProcess[bytes],
) -> subprocess.CompletedProcess[bytes]:
    """Whatever happens, a user never sees a traceback."""
    assert b"Traceback" not in finished.stderr, finished.stderr.decode()
    return finished


def exit_status() -> int:
    """Call the entry point; an error that it does not catch is the test's."""
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@contextmanager
def standard_streams(*files: BinaryIO) -> Iterator[None]:
    """Make files stdin, stdout and stderr, for C code and started processes too."""
    own = [os.dup(descriptor) for descriptor in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        for descriptor, (name, file) in enumerate(zip(STREAMS, files, strict=True)):
            os.dup2(file.fileno(), descriptor)
            mode = "w" if descriptor else "r"
            stream = os.fdopen(descriptor, mode, encoding="utf-8", closefd=False)
            patch.setattr(sys, name, stream)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, kept in enumerate(own):
                os.dup2(kept, descriptor)
                os.close(kept)


def succeed(home: Path, *arguments: str, stdin: bytes = b"") -> str:
    finished = run(home, *arguments, stdin=stdin)
    assert finished.returncode == 0, finished.stderr.decode()
    return finished.stdout.decode()


def fail(home: Path, *arguments: str, code: int = 1) -> str:
    """The message of a command that must fail; nothing is on stdout."""
    finished = run(home, *arguments)
    assert finished.returncode == code, finished.stderr.decode()
    assert finished.stdout == b""
    return finished.stderr.decode()


def write_survey(path: Path, seed: int = 7) -> Path:
    """Shares of six four-choice questions in six countries, exact to the last digit."""
    dice = random.Random(seed)
    lines = ["country,question,code,share"]
    for country in COUNTRIES:
        for question in QUESTIONS:
            weights = [dice.randint(1, 100) for _ in range(4)]
            lines += [
                f"{country},{question},{code},{weight / sum(weights)!r}"
                for code, weight in enumerate(weights, start=1)
            ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a survey loaded, a model scored on it and the tables built. Read only.

    A test of its own asks what dbt's tests of data ask.
    """

    def build(home: Home) -> None:
        survey = write_survey(home.path.parent / "answers.csv")
        succeed(home.path, "ingest", str(survey))
        succeed(
            home.path,
            *("score", "--model", "smollm2-135m-instruct", "--answer", "label"),
            *("--compute", "f32"),
            *("--countries", ",".join(COUNTRIES), "--questions", ",".join(QUESTIONS)),
        )
        build_warehouse(home, WITHOUT_DATA_TESTS)

    _, home = built_once(tmp_path_factory, "study", build)
    return home.path


@pytest.fixture
def copy_of_study(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for one test, under the name of the last: dbt uses again what it parsed for that."""
    copy = tmp_path_factory.getbasetemp() / "copy-of-study"
    parsed = copy / "dbt" / "target" / "partial_parse.msgpack"
    kept = parsed.read_bytes() if parsed.exists() else None
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(study, copy)
    if kept is not None:
        parsed.write_bytes(kept)
    return copy
