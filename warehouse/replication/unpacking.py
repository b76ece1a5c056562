"""From the files of a package to a home."""

import glob
import shutil
from pathlib import Path

import duckdb

from valuescope.warehouse.database.connections import create_raw_tables, open_for_writing
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone
from valuescope.warehouse.replication.manifest import RAW_TABLES, SURVEY_FOLDER, Manifest
from valuescope.warehouse.unfinished import unfinished_folder

_OF_A_HOME = ("landing/", "instrument/", "variables.json")


def fill_home(folder: Path, manifest: Manifest, home: Home) -> None:
    """Make a home of a package whose manifest was read: whole, or not at all.

    Raises ValuescopeError when the home holds anything already or cannot be written.
    """
    _refuse_what_is_there(home)
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
