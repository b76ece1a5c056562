"""A shared warehouse on a real PostgreSQL, used as people do: by commands of .venv-lake."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from tests.lake.postgresql import PASSWORD, Server, programs
from valuescope.warehouse.home import CLONE, Home

PYTHON = CLONE / ".venv-lake" / "bin" / "python"
# dbt's own tests cost as much as all the rest of a build, and are run by one build below.
BUILD_WITHOUT_TESTS = """
from valuescope.warehouse.tables.build import build_warehouse
from valuescope.warehouse.home import current_home
build_warehouse(current_home(), ("--exclude-resource-type", "test"))
"""


@dataclass(frozen=True)
class Lake:
    """A home whose warehouse is a lake on `server`."""

    server: Server
    home: Path
    address: str
    password: str = PASSWORD

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "VALUESCOPE_HOME": str(self.home),
            "VALUESCOPE_LAKE": self.address,
            "PGPASSWORD": self.password,
            "COLUMNS": "160",
        }

    def at(self, home: Path) -> "Lake":
        """The same lake from another home."""
        return replace(self, home=home)

    def python(self, *arguments: str) -> list[str]:
        """A call of the Python that has DuckLake."""
        return [str(PYTHON), *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one command, or Python's own `-c`."""
        module = () if arguments[0] == "-c" else ("-m", "valuescope")
        return subprocess.Popen(
            self.python(*module, *arguments),
            env=self.environment,
            cwd=CLONE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command; whatever happens, nobody sees a traceback or the password."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=300)
        assert "Traceback" not in stderr, stderr
        assert PASSWORD not in stdout + stderr
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def succeed(self, *arguments: str) -> str:
        finished = self.run(*arguments)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout + finished.stderr

    def fail(self, *arguments: str) -> str:
        finished = self.run(*arguments)
        assert finished.returncode == 1, finished.stderr
        return finished.stderr

    def ask(self, statement: str) -> str:
        """The one value of a query."""
        return self.succeed("sql", statement, "--format", "csv").splitlines()[1]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL, started for the tests."""
    for is_missing, what in (
        (programs() is None, "no PostgreSQL, which scripts/system_packages.sh installs"),
        (not PYTHON.exists(), "no .venv-lake, which make lake installs"),
    ):
        if is_missing:
            assert "CI" not in os.environ, what
            pytest.skip(what)
    server = Server()
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture(scope="session")
def lake(
    server: Server, agreement: AgreementStudy, tmp_path_factory: pytest.TempPathFactory
) -> Lake:
    """The study that the marts are checked on, moved into a lake and built there."""
    folder = tmp_path_factory.mktemp("lake")
    made = Lake(server, folder / "home", server.create_database("study"))
    shutil.copytree(agreement.home.path, made.home)
    made.succeed("lake", "create", str(folder / "rows"))
    made.succeed("lake", "push")
    made.succeed("-c", BUILD_WITHOUT_TESTS)
    return made


@pytest.fixture(scope="session")
def file_home(agreement: AgreementStudy) -> Home:
    """The same study, built on a laptop's file."""
    return agreement.home
