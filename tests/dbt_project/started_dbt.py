"""dbt that has started: each command runs in a fork of a process that has parsed the project.

Starting and parsing take 5 seconds of processor time, and 17 where variables or places are new. A
fork has done both, and has imported what models in Python import: SQL is rendered when a model
runs, with the variables of its own command, and models in Python are given theirs, which dbt reads
where it parses. A fork cannot parse, because the threads of dbt's parser are not in it.

Called as a program: `python -m tests.dbt_project.started_dbt TARGET LOGS`. Each line on stdin is a
command, each line on stdout the exit status of one.
"""

import gc
import json
import os
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from valuescope.warehouse.dbt_process import lighten_dbt
from valuescope.warehouse.home import CLONE, DBT_PROJECT


@dataclass(frozen=True)
class Command:
    """One call of dbt; what it prints goes to the file `output`."""

    arguments: tuple[str, ...]
    variables: dict[str, Any]
    environment: dict[str, str]
    output: str


class StartedDbt:
    """A process that has started dbt and parsed the project for the home named."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._output = folder / "output"
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder / "target"), str(folder / "logs")],
            cwd=CLONE,
            env={**os.environ, "VALUESCOPE_HOME": str(home), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: tuple[str, ...], variables: dict[str, Any], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        assert self._process.stdin
        assert self._process.stdout
        command = Command(arguments, variables, environment, str(self._output))
        self._process.stdin.write(json.dumps(asdict(command)) + "\n")
        self._process.stdin.flush()
        status = self._process.stdout.readline()
        assert status, "dbt has ended; its reason is above"
        return subprocess.CompletedProcess(arguments, int(status), self._output.read_text(), "")

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(places: tuple[str, ...]) -> None:
    """Parse once, then run every command of stdin in a fork."""
    lighten_dbt()
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.duckdb.environments.local import LocalEnvironment
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    parsed = dbtRunner().invoke(["--quiet", "parse", *places])
    if not isinstance(parsed.result, Manifest):
        sys.exit(f"dbt cannot parse the project: {parsed.exception}")
    for library in ("pandas", "pyarrow", "scipy.stats"):
        import_module(library)
    # Opening a small file for every model and closing it takes a tenth of a small build.
    patch.object(LocalEnvironment, "notify_closed").start()
    gc.freeze()
    for line in sys.stdin:
        command = Command(**json.loads(line))
        child = os.fork()
        if child == 0:
            try:
                output = os.open(command.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(output, 1)
                os.dup2(output, 2)
                os.environ.clear()
                os.environ.update(command.environment)
                _give_variables(parsed.result, command.variables)
                dbt = dbtRunner(manifest=parsed.result)
                variables = ("--vars", json.dumps(command.variables))
                done = dbt.invoke([*command.arguments, *variables, *places])
                DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
                sys.stdout.write(str(done.exception or ""))
                sys.stdout.flush()
                os._exit(0 if done.success else 1)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(2)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _give_variables(manifest: Any, variables: dict[str, Any]) -> None:
    """Configure models in Python with variables; their yml names each as the variable is named."""
    for node in manifest.nodes.values():
        for name in variables.keys() & set(node.config):
            node.config[name] = variables[name]


if __name__ == "__main__":
    target, logs = sys.argv[1:]
    os.chdir(DBT_PROJECT)
    places = ("--target-path", target, "--log-path", logs)
    serve(("--no-use-colors", "--log-level-file", "info", *places))
