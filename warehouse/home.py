"""The places of one study: VALUESCOPE_HOME with its database, landing zone and models."""

import os
import re
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
    """One VALUESCOPE_HOME. Several stand side by side without touching each other.

    `lake` is the PostgreSQL database, as libpq writes it, of a warehouse that is shared; None where
    the warehouse is this home's own file.
    """

    path: Path
    lake: str | None = None

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.path / "valuescope.duckdb"

    @property
    def warehouse(self) -> str:
        """What to call the warehouse in messages."""
        return str(self.database) if self.lake is None else f"the lake {self.lake}"

    @property
    def lock(self) -> Path:
        """Held by the one command that writes the database."""
        return self.path / "valuescope.lock"

    @property
    def landing(self) -> Path:
        """The landing zone of the current shard schema."""
        return self.path / "landing" / "schema=1"

    @property
    def variables(self) -> Path:
        """The dbt variables that `valuescope build` starts from; there need be none."""
        return self.path / "variables.json"

    @property
    def instrument(self) -> Path:
        """The user's own part of the instrument."""
        return self.path / "instrument"

    @property
    def wordings(self) -> Path:
        """The user's own wordings of the instrument, a folder for each set."""
        return self.instrument / "wordings"

    @property
    def surveys(self) -> Path:
        """The instruments of other surveys than the project's own, a folder for each."""
        return self.instrument / "surveys"

    @property
    def models(self) -> Path:
        """Downloaded and assembled GGUF files."""
        return self.path / "models"


def current_home() -> Home:
    """The home named by VALUESCOPE_HOME, else the clone's `warehouse/` folder.

    Its warehouse is shared where VALUESCOPE_LAKE names a PostgreSQL database. Raises
    ValuescopeError, without repeating it, for an address with a password in it.
    """
    named = os.environ.get("VALUESCOPE_HOME")
    lake = os.environ.get("VALUESCOPE_LAKE", "").strip() or None
    if lake and re.search(r"password|://[^/@]*:[^/@]*@", lake, re.IGNORECASE):
        raise ValuescopeError(
            "VALUESCOPE_LAKE holds a password; it is not repeated here. Leave it out: PostgreSQL's "
            "client takes it from PGPASSWORD or from the file ~/.pgpass."
        )
    return Home(Path(named).expanduser().resolve() if named else CLONE / "warehouse", lake)
