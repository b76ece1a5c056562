"""The command line as a user runs it: a process of its own, in a home of its own."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shared_builds import built_once
from valuescope.warehouse.home import CLONE, Home

COUNTRIES = ("USA", "JPN", "DEU", "BRA", "NGA", "EGY")
QUESTIONS = ("Q1", "Q2", "Q3", "Q4", "Q5", "Q6")

Run = Callable[..., subprocess.CompletedProcess[bytes]]


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"VALUESCOPE_HOME": str(home), "COLUMNS": "160"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "valuescope", *arguments]


def run(home: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run one command; whatever happens, a user never sees a traceback."""
    finished = subprocess.run(
        command(*arguments),
        env=environment(home),
        cwd=CLONE,
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in finished.stderr, finished.stderr.decode()
    return finished


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
    """A home with a survey loaded, a model scored on it and the tables built. Read only."""

    def build(home: Home) -> None:
        survey = write_survey(home.path.parent / "answers.csv")
        succeed(home.path, "ingest", str(survey))
        succeed(
            home.path,
            *("score", "--model", "smollm2-135m-instruct", "--answer", "label"),
            *("--compute", "as-is"),
            *("--countries", ",".join(COUNTRIES), "--questions", ",".join(QUESTIONS)),
        )
        succeed(home.path, "build")

    _, home = built_once(tmp_path_factory, "study", build)
    return home.path


@pytest.fixture
def copy_of_study(study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(study, tmp_path / "home"))
