"""`valuescope lake`."""

from pathlib import Path

import click

from valuescope.console import say, step_progress
from valuescope.warehouse.counted import counted
from valuescope.warehouse.database.lake import expire
from valuescope.warehouse.database.transfer import (
    create_shared_warehouse,
    pull_warehouse,
    push_surveys,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home, current_home


@click.group(name="lake")
def command() -> None:
    """Make, fill and tidy a warehouse that several people share (docs/shared-warehouse.md).

    VALUESCOPE_LAKE names the PostgreSQL database that is its catalog, as libpq does: "host=db
    dbname=values user=ann". The password comes from PGPASSWORD or ~/.pgpass only. With
    VALUESCOPE_LAKE set, `ingest`, `build`, `sql`, `report` and `status` use the shared warehouse.
    """


@command.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def create(folder: Path) -> None:
    """Create a shared warehouse and store its data in FOLDER.

    Everybody who uses it must reach FOLDER under the same path, and may write to it.
    """
    home = _shared_home()
    create_shared_warehouse(home, folder.expanduser().resolve())
    say(f"Made {home.warehouse}. Next: valuescope ingest FILE, or valuescope lake push")


@command.command()
def push() -> None:
    """Copy the surveys of this home's own file into the shared warehouse.

    Loads that it has already are left as they are. The file is not changed.
    """
    home = _shared_home()
    with step_progress(f"Copying {home.database}"):
        pushed = push_surveys(home)
    say(
        f"Copied {counted(pushed.loads, 'load')} with {counted(pushed.marginals, 'marginal')} to "
        f"{home.warehouse}; "
        f"{pushed.already_there} were there already. Next: valuescope build"
    )


@command.command()
def pull() -> None:
    """Copy the shared warehouse, as its last build left it, into this home's own file.

    The file is replaced; one that holds surveys which the shared warehouse lacks is not.
    """
    home = _shared_home()
    with step_progress(f"Copying {home.warehouse}"):
        tables = pull_warehouse(home)
    say(f"Copied {counted(tables, 'table')} to {home.database}. Unset VALUESCOPE_LAKE to use them.")


@command.command()
@click.option(
    "--days",
    type=click.IntRange(min=0),
    default=7,
    show_default=True,
    help="How long the states before the last build are kept; no query may take longer.",
)
def tidy(days: int) -> None:
    """Delete what builds before the last one have left behind."""
    home = _shared_home()
    with step_progress(f"Tidying {home.warehouse}"):
        states, files = expire(home, days)
    say(f"Forgot {counted(states, 'earlier state')} and deleted {counted(files, 'file')}.")


def _shared_home() -> Home:
    home = current_home()
    if home.lake is None:
        raise ValuescopeError(
            "VALUESCOPE_LAKE names no PostgreSQL database. Set it, for example to "
            '"host=db dbname=values user=ann" (docs/shared-warehouse.md).'
        )
    return home
