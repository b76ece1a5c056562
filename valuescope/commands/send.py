"""`valuescope send`."""

import click

from valuescope.console import say, step_progress
from valuescope.options import store_argument
from valuescope.warehouse.counted import counted
from valuescope.warehouse.home import current_home
from valuescope.warehouse.landing_zone.stores import open_store
from valuescope.warehouse.landing_zone.upload import Sender, Sent


@click.command(name="send")
@store_argument
def command(address: str) -> None:
    """Upload what has landed here to a shared store.

    ADDRESS is a folder, or file://, s3:// or gs:// with a path; without it VALUESCOPE_LANDING is
    meant. Only what is not there yet is sent, and nothing there is ever changed, so several homes
    may send to one store. `valuescope score --landing ADDRESS` does it after every run.
    Credentials come from the environment only (docs/shared-landing.md).
    """
    store = open_store(address)
    with step_progress(f"Sending to {store.address}"):
        sent = Sender(current_home(), store).send()
    say_sent(sent, store.address)


def say_sent(sent: Sent, address: str) -> None:
    """Say what a sending did."""
    say(
        f"Sent {counted(sent.files, 'file')} ({sent.bytes / 1e6:.1f} MB) to {address}; "
        f"{sent.already_there} were there already."
    )
