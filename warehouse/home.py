"""The places of one study: VALUESCOPE_HOME with its database, landing zone and models."""

import os
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
DBT_PROJECT = CLONE / "dbt_project"
SEEDS = DBT_PROJECT / "seeds"


@dataclass(frozen=True)
class Home:
    """One VALUESCOPE_HOME. Several stand side by side without touching each other."""

    path: Path

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.path / "valuescope.duckdb"

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
    """The home named by VALUESCOPE_HOME, else the clone's `warehouse/` folder."""
    named = os.environ.get("VALUESCOPE_HOME")
    return Home(Path(named).expanduser().resolve() if named else CLONE / "warehouse")
