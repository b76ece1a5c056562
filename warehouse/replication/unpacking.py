"""From the files of a package to a home."""

import glob
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import duckdb
import pyarrow as pa

from valuescope.warehouse.database.connections import create_raw_tables, open_for_writing
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.landing_zone.checks import (
    Known,
    RefusedError,
    check_answers,
    checked_shard,
)
from valuescope.warehouse.landing_zone.shards import ANSWERS, ensure_landing_zone
from valuescope.warehouse.landing_zone.upload import FOLDERS
from valuescope.warehouse.replication.manifest import RAW_TABLES, SURVEY_FOLDER, Manifest
from valuescope.warehouse.unfinished import unfinished_folder

_OF_A_HOME = ("landing/", "instrument/", "variables.json")


def fill_home(folder: Path, manifest: Manifest, home: Home) -> None:
    """Make a home of a package whose manifest was read: whole, or not at all.

    Raises ValuescopeError when the home holds anything already or cannot be written, and as
    `check_landing` does.
    """
    _refuse_what_is_there(home)
    check_landing(folder, manifest)
    try:
        home.path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(home.path.parent, home.path.name) as work:
            staged = Home(work / home.path.name)
            staged.path.mkdir()
            for name in manifest.files:
                if name.startswith(_OF_A_HOME):
                    target = staged.path / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / name, target)
            ensure_landing_zone(staged)
            if manifest.has_survey:
                _load_survey(folder, staged)
            # Fails where somebody else has put something there meanwhile.
            staged.path.rename(home.path)
    except (OSError, duckdb.Error) as error:
        problem = str(getattr(error, "strerror", None) or error).splitlines()[0]
        raise ValuescopeError(
            f"Cannot fill {home.path}: {problem}. Nothing was left there; set VALUESCOPE_HOME to a "
            "new folder that you may write to."
        ) from error


def check_landing(folder: Path, manifest: Manifest) -> None:
    """Check what a package would land as `valuescope land` checks what others send.

    Cells without all of their choices pass: a home can have them, and its tables say so. Raises
    ValuescopeError with the name of the file that is at fault.
    """
    described: dict[str, frozenset[str]] = {}
    for table, key in (("prompts", "prompt_id"), ("models", "model_id"), ("runs", "run_id")):
        rows = [rows for _, rows in _shards(folder, manifest, table)]
        described[table] = frozenset(row for shard in rows for row in shard[key].to_pylist())
    known = Known(load_instrument(Home(folder)), described["prompts"], described["models"])
    for name, rows in _shards(folder, manifest, ANSWERS):
        try:
            check_answers(rows, known, whole_cells=False)
        except RefusedError as refusal:
            raise _refused(folder / name, refusal) from refusal


def _shards(folder: Path, manifest: Manifest, table: str) -> Iterator[tuple[str, pa.Table]]:
    """Yield name and rows of a table's shards; refuse files that belong to no table."""
    for name in manifest.files:
        path = PurePosixPath(name)
        if path.parts[0] != "landing":
            continue
        if len(path.parts) != 4 or path.parts[2] not in FOLDERS:
            raise _refused(folder / name, "it is not a file of a landing zone")
        if path.parts[2] == table:
            try:
                yield name, checked_shard(table, (folder / name).read_bytes())
            except RefusedError as refusal:
                raise _refused(folder / name, refusal) from refusal


def _refused(path: Path, problem: object) -> ValuescopeError:
    return ValuescopeError(f"{path} is refused: {problem}. Nothing was filled; take it anew.")


def _refuse_what_is_there(home: Home) -> None:
    try:
        there = sorted(path.name for path in home.path.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise ValuescopeError(
            f"Cannot use {home.path} as a home: {error.strerror}. Set VALUESCOPE_HOME to a new "
            "folder."
        ) from error
    if there:
        raise ValuescopeError(
            f"{home.path} already holds {', '.join(there[:3])}{' and more' if there[3:] else ''}. "
            "A package fills an empty home only: set VALUESCOPE_HOME to a new folder."
        )


def _load_survey(folder: Path, staged: Home) -> None:
    with open_for_writing(staged.database) as connection:
        create_raw_tables(connection)
        for table in RAW_TABLES:
            # Brackets and stars in the package's own name are not a pattern.
            source = f"{glob.escape(str(folder))}/{SURVEY_FOLDER}/{table}.parquet"
            connection.execute(
                f"insert into raw.{table} by name select * from read_parquet(?)", [source]
            )
