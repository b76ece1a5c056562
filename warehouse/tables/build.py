"""Run dbt on a copy of the database and swap the copy in."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from valuescope.warehouse.database.connections import replacement_copy, writer_lock
from valuescope.warehouse.database.lake import build_lock, extension_folder
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import DBT_PROJECT, Home
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone


@dataclass(frozen=True)
class BuildSummary:
    """What one `dbt build` did.

    `tests` counts dbt's tests of what was built, `warnings` are messages of those with severity
    warn.
    """

    models: int
    tests: int
    warnings: tuple[str, ...]


def build_warehouse(
    home: Home, arguments: tuple[str, ...] = (), verbose: bool = False
) -> BuildSummary:
    """Run `dbt build` with extra `arguments` for `home`; readers keep the old tables meanwhile.

    Raises ValuescopeError with the failing nodes when dbt fails; readers see what they saw before.
    """
    ensure_landing_zone(home)
    output = home.path / "dbt"
    with _where_to_build(home) as where:
        finished = _run_dbt(home, where, output, arguments, verbose)
        results = output / "target" / "run_results.json"
        if finished.returncode != 0:
            raise ValuescopeError(_failure(finished, results, output))
    return _summary(results)


@contextmanager
def _where_to_build(home: Home) -> Iterator[Mapping[str, str]]:
    """What tells dbt where to build: a copy of the file, or the lake, which only we then build."""
    if home.lake is None:
        with replacement_copy(home) as working:
            yield {"VALUESCOPE_TARGET": "local", "VALUESCOPE_DATABASE": str(working)}
    else:
        with writer_lock(home), build_lock(home):
            yield {
                "VALUESCOPE_TARGET": "lake",
                "VALUESCOPE_LAKE": home.lake,
                "VALUESCOPE_EXTENSIONS": str(extension_folder()),
            }


def _run_dbt(
    home: Home,
    where: Mapping[str, str],
    target: Path,
    arguments: tuple[str, ...],
    verbose: bool,
) -> subprocess.CompletedProcess[str]:
    (target / "target" / "run_results.json").unlink(missing_ok=True)
    environment = os.environ | {
        "VALUESCOPE_HOME": str(home.path),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        **where,
    }
    command = [
        *(sys.executable, "-m", "dbt.cli.main", "build"),
        *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
        *("--target-path", str(target / "target"), "--log-path", str(target / "logs")),
        "--no-use-colors",
        "--no-version-check",
        # They check the project's code, which is the same in every home.
        *("--exclude-resource-type", "unit_test"),
        *arguments,
    ]
    return subprocess.run(
        command,
        env=environment,
        stdout=sys.stderr if verbose else subprocess.PIPE,
        stderr=subprocess.STDOUT if not verbose else None,
        text=True,
        check=False,
    )


def _failure(finished: subprocess.CompletedProcess[str], results: Path, target: Path) -> str:
    log = f"The whole log is in {target / 'logs' / 'dbt.log'}."
    if results.exists():
        failed = [
            f"{result['unique_id']}: {result['message']}"
            for result in json.loads(results.read_text())["results"]
            if result["status"] in ("error", "fail")
        ]
        if failed:
            return "dbt build failed; the warehouse is unchanged.\n  " + "\n  ".join([*failed, log])
    lines = (finished.stdout or "").strip().splitlines()
    return "dbt build broke off; the warehouse is unchanged.\n  " + "\n  ".join([*lines[-12:], log])


def _summary(results: Path) -> BuildSummary:
    outcomes = json.loads(results.read_text())["results"]
    kinds = [outcome["unique_id"].split(".")[0] for outcome in outcomes]
    return BuildSummary(
        models=kinds.count("model"),
        tests=kinds.count("test"),
        warnings=tuple(
            f"{outcome['unique_id']}: {outcome['message']}"
            for outcome in outcomes
            if outcome["status"] == "warn"
        ),
    )
