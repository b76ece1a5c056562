"""Run dbt on a copy of the database and swap the copy in."""

import filecmp
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from valuescope.warehouse.counted import counted
from valuescope.warehouse.database.connections import (
    has_warehouse,
    open_for_reading,
    replacement_copy,
    working_folder,
    writer_lock,
)
from valuescope.warehouse.database.lake import build_lock, extension_folder
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import DBT_PROJECT, ROOMS, SEEDS, Home
from valuescope.warehouse.landing_zone.shards import (
    ensure_landing_zone,
    landed_model_count,
    set_damaged_aside,
)
from valuescope.warehouse.tables.build_record import (
    Build,
    changes_beside_answers,
    landing_states,
    last_build,
)
from valuescope.warehouse.unfinished import replaced_file

_DBT_PROCESS = ROOMS / "warehouse" / "dbt_process.py"
_FROM_FOLDER_TO_HOME = "../.."
# What answers reach.
OF_ANSWERS = ("--select", "source:landing+")


@dataclass(frozen=True)
class BuildSummary:
    """The outcome of one `dbt build`.

    `tables` counts the marts that were built, `models` the language models whose answers have
    landed, `checks` dbt's tests of what was built; `warnings` are messages of those with severity
    warn, of what was kept too. `kept_tables` counts the marts that only surveys and instrument
    reach, where these have not changed. `is_earlier` is whether that was an earlier build, since
    which nothing has changed.
    """

    tables: int
    models: int
    checks: int
    warnings: tuple[str, ...]
    kept_tables: int = 0
    is_earlier: bool = False

    @property
    def sentence(self) -> str:
        """Return what was built, in words."""
        built = f"{counted(self.tables, 'table')} for {counted(self.models, 'model')}"
        checked = f"{counted(self.checks, 'check')} passed"
        if self.is_earlier:
            return (
                f"Nothing has changed since the last build of {built}, whose {checked} "
                "(--full-refresh builds all the same)"
            )
        kept = f", kept {self.kept_tables} that answers do not change" if self.kept_tables else ""
        return f"Built {built}{kept}; {checked}"


def build_warehouse(
    home: Home,
    arguments: tuple[str, ...] = (),
    verbose: bool = False,
    last: Build | None = None,
) -> BuildSummary:
    """Run `dbt build` with extra `arguments` for `home`; readers keep the old tables meanwhile.

    After a `last` build from which only answers differ, what they do not reach is left as it is.
    Shards that cannot be read are set aside, and the others used.
    Raises ValuescopeError with the failing nodes when dbt fails; readers see what they saw before.
    """
    ensure_landing_zone(home)
    try:
        return _build(home, arguments, verbose, last)
    except _DbtError:
        # Nothing before dbt reads all of every shard.
        if not set_damaged_aside(home):
            raise
    return _build(home, arguments, verbose, last)


class _DbtError(ValuescopeError):
    """dbt did not do all that it was to do."""


def _build(
    home: Home, arguments: tuple[str, ...], verbose: bool, last: Build | None
) -> BuildSummary:
    output = home.path / "dbt"
    results = output / "target" / "run_results.json"
    if last:
        arguments += OF_ANSWERS
    with _where_to_build(home) as (folder, where):
        if last:
            # So that the record of the last build holds for what is kept.
            where = {**where, "VALUESCOPE_KEEPS_REST": "yes"}
        results.unlink(missing_ok=True)
        with _parsed_before(home, output / "target" / "partial_parse.msgpack", where):
            finished = _run_dbt(folder, where, output, arguments, verbose)
        if finished.returncode != 0:
            failure = _failure(finished, results, output)
            raise _DbtError(failure.replace(_FROM_FOLDER_TO_HOME, str(home.path)))
    return _summary(results, landed_model_count(home), last.checks if last else {})


@contextmanager
def _where_to_build(home: Home) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Give a folder to run dbt in, and the environment in which dbt finds the database.

    That is a copy of the file in the folder, or the lake, which no other process then builds.
    """
    if home.lake is None:
        with replacement_copy(home) as working:
            yield (
                working.parent,
                {
                    "VALUESCOPE_TARGET": "local",
                    "VALUESCOPE_DATABASE": working.name,
                },
            )
    else:
        with writer_lock(home), working_folder(home) as folder, build_lock(home):
            yield (
                folder,
                {
                    "VALUESCOPE_TARGET": "lake",
                    "VALUESCOPE_LAKE": home.lake,
                    "VALUESCOPE_EXTENSIONS": str(extension_folder()),
                },
            )


@contextmanager
def _parsed_before(home: Home, parsed: Path, where: Mapping[str, str]) -> Iterator[None]:
    """Let dbt start from what it parsed for another home, and keep what it parses for the next.

    dbt itself sees what has changed since, but not where the project was: what it parses holds its
    folder, which is another after an installation elsewhere, and may be gone.
    """
    project = hashlib.sha256(str(DBT_PROJECT).encode()).hexdigest()[:16]
    kept = home.cache / "dbt" / f"parsed-{project}-{where['VALUESCOPE_TARGET']}.msgpack"
    parsed_by = parsed.with_name("parsed_by")
    # Without a cache, dbt parses.
    with suppress(OSError):
        if not (parsed.exists() and _text_of(parsed_by) == str(DBT_PROJECT)):
            parsed.parent.mkdir(parents=True, exist_ok=True)
            parsed.unlink(missing_ok=True)
            parsed_by.write_text(str(DBT_PROJECT), encoding="utf-8")
            shutil.copyfile(kept, parsed)
    yield
    with suppress(OSError):
        if not (kept.exists() and filecmp.cmp(parsed, kept)):
            kept.parent.mkdir(parents=True, exist_ok=True)
            with parsed.open("rb") as source, replaced_file(kept) as file:
                shutil.copyfileobj(source, file)


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _run_dbt(
    folder: Path,
    where: Mapping[str, str],
    output: Path,
    arguments: tuple[str, ...],
    verbose: bool,
) -> subprocess.CompletedProcess[str]:
    """Run dbt in `folder`, which it cannot outlive this process in.

    All paths are relative to the folder: what dbt has parsed holds them, and stays good for the
    next build and for other homes.
    """
    environment = os.environ | {
        "VALUESCOPE_HOME": _FROM_FOLDER_TO_HOME,
        "VALUESCOPE_TEMP": "tmp",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        **where,
    }
    lifeline, ours = os.pipe()
    try:
        return subprocess.run(
            [
                *(sys.executable, "-P", str(_DBT_PROCESS), str(lifeline), "build"),
                *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
                *("--target-path", str(output / "target"), "--log-path", str(output / "logs")),
                "--no-use-colors",
                "--no-version-check",
                # Two lines for each statement of dbt's own take a tenth of the time.
                *("--log-level-file", "info"),
                # They check the project's code, which is the same in every home.
                *("--exclude-resource-type", "unit_test"),
                *arguments,
            ],
            cwd=folder,
            env=environment,
            pass_fds=(lifeline,),
            stdout=sys.stderr if verbose else subprocess.PIPE,
            stderr=subprocess.STDOUT if not verbose else None,
            text=True,
            check=False,
        )
    finally:
        os.close(lifeline)
        os.close(ours)


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
    # A library of dbt's that is broken off lists what it has not cleaned up.
    lines = list(
        takewhile(
            lambda line: not line.startswith("nanobind:"),
            (finished.stdout or "").strip().splitlines(),
        )
    )
    return "dbt build broke off; the warehouse is unchanged.\n  " + "\n  ".join([*lines[-12:], log])


def comparable_build(home: Home, variables: Mapping[str, Any]) -> Build | None:
    """Return the last build where one with `variables` could differ from it in answers alone."""
    if not has_warehouse(home):
        return None
    last = last_build(home)
    if last is None or not last.is_last_run or not last.checks:
        return None
    if dict(last.variables) != dict(variables) or changes_beside_answers(last, home):
        return None
    return last if _project_tables() <= _tables(home) else None


def earlier_build(home: Home, last: Build) -> BuildSummary | None:
    """Return the outcome of the `last` comparable build if another would do the same again."""
    if landing_states(home) != last.landing:
        return None
    models, checks = landed_model_count(home), len(last.checks)
    return BuildSummary(len(_marts()), models, checks, _warnings(last.checks), is_earlier=True)


def _project_tables() -> set[tuple[str, str]]:
    """Return schema and name of every table and view that dbt builds."""
    paths = [*DBT_PROJECT.glob("models/**/*.sql"), *DBT_PROJECT.glob("models/**/*.py")]
    models = {(path.relative_to(DBT_PROJECT).parts[1], path.stem) for path in paths}
    return models | {("raw", path.stem) for path in SEEDS.glob("*.csv")}


def _marts() -> set[str]:
    return {path.stem for path in DBT_PROJECT.glob("models/marts/**/*.sql")}


def _tables(home: Home) -> set[tuple[str, str]]:
    connection = open_for_reading(home)
    try:
        rows = connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
    finally:
        connection.close()
    return {(schema, name) for schema, name in rows}


def _summary(results: Path, models: int, last_checks: Mapping[str, str]) -> BuildSummary:
    outcomes = json.loads(results.read_text())["results"]
    built = {outcome["unique_id"] for outcome in outcomes}
    tables = sum(f"model.valuescope.{mart}" in built for mart in _marts())
    checks = {
        outcome["unique_id"]: outcome["message"] if outcome["status"] == "warn" else ""
        for outcome in outcomes
        if outcome["unique_id"].startswith("test.")
    }
    return BuildSummary(
        tables=tables,
        models=models,
        checks=len(checks),
        warnings=_warnings({**last_checks, **checks}),
        kept_tables=len(_marts()) - tables if last_checks else 0,
    )


def _warnings(checks: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{check}: {message}" for check, message in checks.items() if message)
