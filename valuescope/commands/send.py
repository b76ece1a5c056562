"""`valuescope send`."""

import click

from valuescope.console import say, step_progress
from valuescope.options import place_argument
from valuescope.warehouse.home import current_home
from valuescope.warehouse.landing_zone.stores import open_place
from valuescope.warehouse.landing_zone.upload import Sender, Sent


@click.command(name="send")
@place_argument
def command(address: str) -> None:
    """Send what has landed here to a shared place.

    ADDRESS is a folder, or file://, s3:// or gs:// with a path; without it VALUESCOPE_LANDING is
    meant. Only what is not there yet is sent, and nothing there is ever changed, so several homes
    may send to one place. `valuescope score --landing ADDRESS` does it after every run.
    Credentials come from the environment only (docs/shared-landing.md).
    """
    place = open_place(address)
    with step_progress(f"Sending to {place.address}"):
        sent = Sender(current_home(), place).send()
    say_sent(sent, place.address)


def say_sent(sent: Sent, address: str) -> None:
    """Say what a sending did."""
    say(
        f"Sent {sent.files} files ({sent.bytes / 1e6:.1f} MB) to {address}; "
        f"{sent.already_there} were there already."
    )
