"""Paths: the home of a study, the cache for all of them, and the package's own files."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError

# The folder that holds ingest, scorer, warehouse, reports and dbt_project: the package where it is
# installed, the root of a clone, whose `valuescope/` links to them.
ROOMS = Path(__file__).resolve().parent.parent
DBT_PROJECT = ROOMS / "dbt_project"
SEEDS = DBT_PROJECT / "seeds"
# Docs, tests and the repository are in a clone only.
CLONE, IS_CLONE = ROOMS, (ROOMS / "valuescope").is_dir()


@dataclass(frozen=True)
class Home:
    """One VALUESCOPE_HOME. Several homes do not affect each other.

    `lake` is the PostgreSQL database, as libpq writes it, of a warehouse that is shared; None where
    the warehouse is this home's own file.
    """

    path: Path
    lake: str | None = None

    @property
    def database(self) -> Path:
        """Return the DuckDB file."""
        return self.path / "valuescope.duckdb"

    @property
    def warehouse(self) -> str:
        """Return the warehouse's name for messages."""
        return str(self.database) if self.lake is None else f"the lake {self.lake}"

    @property
    def lock(self) -> Path:
        """Return the lock file of the one command that writes the database."""
        return self.path / "valuescope.lock"

    @property
    def landing(self) -> Path:
        """Return the landing zone of the current shard schema."""
        return self.path / "landing" / "schema=1"

    @property
    def damaged(self) -> Path:
        """Return shards that could not be read, in a folder for each table."""
        return self.path / "landing" / "damaged"

    @property
    def variables(self) -> Path:
        """Return the dbt variables that `valuescope build` starts from; there need be none."""
        return self.path / "variables.json"

    @property
    def instrument(self) -> Path:
        """Return the user's own part of the instrument."""
        return self.path / "instrument"

    @property
    def wordings(self) -> Path:
        """Return the user's own wordings of the instrument, a folder for each set."""
        return self.instrument / "wordings"

    @property
    def surveys(self) -> Path:
        """Return the instruments of other surveys than the project's own, a folder for each."""
        return self.instrument / "surveys"

    @property
    def models(self) -> Path:
        """Return the folder of this home's own GGUF files; downloads go to the cache."""
        return self.path / "models"

    @property
    def cache(self) -> Path:
        """Return the cache, which all homes share; in the home if the user has no folder."""
        return user_cache() or self.path / "cache"


def user_cache() -> Path | None:
    """Return the folder for downloaded models, written-out weights, engines and their trials.

    VALUESCOPE_CACHE names it, else it is the platform's; None for a user without a folder.
    """
    if named := os.environ.get("VALUESCOPE_CACHE", "").strip():
        return Path(named).expanduser().resolve()
    return _user_folder("XDG_CACHE_HOME", ".cache", "Library/Caches")


def not_writable(home: Home, error: OSError) -> ValuescopeError:
    """Return what to say of a home that cannot be written to."""
    return ValuescopeError(
        f"Cannot write to {home.path}: {error.strerror}. Set VALUESCOPE_HOME to a folder that you "
        "may write to."
    )


def current_home() -> Home:
    """Return the home that VALUESCOPE_HOME names, else the default one.

    Its warehouse is shared where VALUESCOPE_LAKE names a PostgreSQL database. Raises
    ValuescopeError, without repeating it, for an address with a password in it, and for a user
    without a folder where no home is named.
    """
    named = os.environ.get("VALUESCOPE_HOME", "").strip()
    lake = os.environ.get("VALUESCOPE_LAKE", "").strip() or None
    if lake and re.search(r"password|://[^/@]*:[^/@]*@", lake, re.IGNORECASE):
        raise ValuescopeError(
            "VALUESCOPE_LAKE holds a password; it is not repeated here. Leave it out: PostgreSQL's "
            "client takes it from PGPASSWORD or from the file ~/.pgpass."
        )
    return Home(Path(named).expanduser().resolve() if named else _default_home(), lake)


def named_home(folder: str | Path | None) -> Home:
    """Return the home in `folder`; None is the current one."""
    return Home(Path(folder).expanduser().resolve()) if folder else current_home()


def earlier_home() -> tuple[str, ...]:
    """Return the files in the clone's `warehouse/`, the home of earlier versions; often none."""
    if not IS_CLONE:
        return ()
    parts = ("valuescope.duckdb", "landing", "instrument", "models", "variables.json")
    return tuple(name for name in parts if (CLONE / "warehouse" / name).exists())


def _default_home() -> Path:
    if IS_CLONE:
        earlier = CLONE / "warehouse"
        is_in_use = {"valuescope.duckdb", "landing"} & set(earlier_home())
        return earlier if is_in_use else earlier / "home"
    folder = _user_folder("XDG_DATA_HOME", ".local/share", "Library/Application Support")
    if folder is None:
        raise ValuescopeError(
            "This user has no folder of its own (HOME is not set), so there is no default home. "
            "Set VALUESCOPE_HOME to a folder for the study."
        )
    return folder


def _user_folder(variable: str, linux: str, macos: str) -> Path | None:
    """Return valuescope's folder below the user's; None for a user without one."""
    if (named := Path(os.environ.get(variable, ""))).is_absolute():
        return named / "valuescope"
    try:
        return Path.home() / (macos if sys.platform == "darwin" else linux) / "valuescope"
    except RuntimeError:
        return None
