"""`valuescope forget`."""

import click

from valuescope.console import say
from valuescope.ingest import forget_loads
from valuescope.warehouse.database.connections import (
    create_raw_tables,
    open_for_loading,
    stored_whole,
)
from valuescope.warehouse.home import current_home


@click.command(name="forget")
@click.argument("load")
def command(load: str) -> None:
    """Remove a survey LOAD: its id, or the name of the file it came from.

    `valuescope status` lists what is loaded. The tables follow with the next `valuescope build`.
    """
    home = current_home()
    with open_for_loading(home) as connection:
        create_raw_tables(connection)
        with stored_whole(home, connection):
            forgotten = forget_loads(connection, load)
    for description in forgotten:
        say(f"Forgot {description}.")
    say("Next: valuescope build")
