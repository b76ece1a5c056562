"""Changes since the tables were built."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.landing_zone.shards import ANSWERS, SCHEMAS, query_landing
from valuescope.warehouse.version import code_sha256


@dataclass(frozen=True)
class Build:
    """The inputs of the last whole build, as in its record in the database, and its outcome.

    Survey loads by id with their moment, answers by model and prompt with their number, files of
    the instrument (folder/name) with their SHA-256, the landing zone's tables with one of their
    state. `code` is that of the code that computed the tables; None for a build of a version that
    did not record it. `checks` are dbt's tests by id, with the message of each that warned and an
    empty one of each that passed. `is_last_run` is whether dbt has not run since.
    """

    survey_loads: Mapping[str, str]
    landed_rows: Mapping[str, int]
    instrument: Mapping[str, str]
    variables: Mapping[str, Any]
    code: str | None
    landing: Mapping[str, str]
    checks: Mapping[str, str]
    is_last_run: bool


def last_build(home: Home) -> Build | None:
    """Return the last build of everything that went through; None where there is none."""
    connection = open_for_reading(home)
    try:
        inputs = connection.execute(
            "select is_built, kind, input, content from intermediate.build_record"
        ).fetchall()
    except duckdb.CatalogException:
        return None
    finally:
        connection.close()
    of_kind: dict[str, dict[str, str]] = defaultdict(dict)
    for is_built, kind, name, content in inputs:
        if is_built:
            of_kind[kind][name] = content
    if not of_kind:
        return None
    return Build(
        of_kind["survey_load"],
        {design: int(rows) for design, rows in of_kind["landed_design"].items()},
        of_kind["instrument"],
        json.loads(of_kind["variables"]["vars"]),
        of_kind["code"].get("dbt_project"),
        of_kind["landing"],
        of_kind["check"],
        all(is_built for is_built, *_ in inputs),
    )


def changes_since(build: Build, home: Home) -> tuple[str, ...]:
    """Describe what has changed in surveys, answers, instrument and code since `build`."""
    return (*changes_beside_answers(build, home), *_changes_of_answers(build, home))


def changes_beside_answers(build: Build, home: Home) -> tuple[str, ...]:
    """Describe what has changed in surveys, instrument and code since `build`."""
    changes = []
    if _survey_loads(home) != build.survey_loads:
        changes.append("surveys were loaded or replaced since the last build")
    if edited := _edited(build.instrument, _instrument_files(home)):
        changes.append(f"the instrument was edited ({', '.join(edited)})")
    if build.code != code_sha256():
        changes.append("the code that computes the tables has changed")
    return tuple(changes)


def _changes_of_answers(build: Build, home: Home) -> tuple[str, ...]:
    landed = _landed_rows(home)
    if landed != build.landed_rows:
        new = sum(
            max(0, rows - build.landed_rows.get(design, 0)) for design, rows in landed.items()
        )
        return (
            f"{new} rows have landed that the tables do not hold"
            if new
            else "rows are no longer in the landing zone that the tables hold",
        )
    if landing_state(home, ANSWERS) != build.landing.get(ANSWERS):
        return ("shards of answers were written since the last build",)
    return ()


def landing_states(home: Home) -> dict[str, str]:
    """Return the state of each table of the landing zone."""
    return {table: landing_state(home, table) for table in SCHEMAS}


def landing_state(home: Home, table: str) -> str:
    """Return a SHA-256 of a table of the landing zone, as dbt's macro `landing_states` does."""
    shards = []
    for path in (home.landing / table).glob("*.parquet"):
        stat = path.stat()
        is_large = table == ANSWERS
        mark = int(stat.st_mtime) if is_large else hashlib.sha256(path.read_bytes()).hexdigest()
        shards.append(f"{path.name} {stat.st_size} {mark}")
    return hashlib.sha256("\n".join(sorted(shards)).encode()).hexdigest()


def designs_missing_here(home: Home) -> tuple[str, ...]:
    """Return models and prompts that the last build read and this landing zone lacks, in order.

    In a shared warehouse another home may have built with them; a build from here drops them.
    """
    built = last_build(home)
    return tuple(sorted(built.landed_rows.keys() - _landed_rows(home).keys())) if built else ()


def _survey_loads(home: Home) -> dict[str, str]:
    connection = open_for_reading(home, is_latest=True)
    try:
        return dict(
            connection.execute(
                "select load_id, cast(epoch_us(loaded_at) as varchar) from raw.survey_loads"
            ).fetchall()
        )
    finally:
        connection.close()


def _landed_rows(home: Home) -> dict[str, int]:
    if not (home.landing / "choice_log_likelihoods").exists():
        return {}
    rows = query_landing(
        home,
        """
        select model_id || ' ' || prompt_id, count(*)
        from choice_log_likelihoods
        group by all
        """,
    )
    return dict(rows)


def _instrument_files(home: Home) -> dict[str, str]:
    """Return the files of the instrument that dbt reads, named as by its macro `record_inputs`."""
    own = [*home.surveys.glob("*/*.csv"), *home.instrument.glob("models.csv")]
    files = [*SEEDS.glob("*.csv"), *own]
    return {_input_name(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _input_name(path: Path) -> str:
    return "/".join(path.parts[-2:])


def _edited(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
