"""`valuescope land`."""

import click

from valuescope.console import say, step_progress
from valuescope.options import store_argument
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import current_home
from valuescope.warehouse.landing_zone.download import Landed, land_shards
from valuescope.warehouse.landing_zone.stores import open_store


@click.command(name="land")
@store_argument
@click.option(
    "--study",
    metavar="NAME",
    help="Bring only the runs of this study (its name, or the beginning of its hash).",
)
def command(address: str, study: str | None) -> None:
    """Download what others have scored and sent to a shared store.

    ADDRESS is a folder, or file://, s3:// or gs:// with a path; without it VALUESCOPE_LANDING is
    meant. Only what is new comes, and each file only with the hash and the columns that it should
    have. Runs of a study that is not this home's stay there unless --study names it. May be
    repeated and stopped at any time. Credentials come from the environment only
    (docs/shared-landing.md).
    """
    store = open_store(address)
    with step_progress(f"Landing from {store.address}"):
        landed = land_shards(current_home(), store, study)
    _say(landed, store.address)
    if landed.refused:
        raise ValuescopeError(
            f"{len(landed.refused)} refused, the others have landed.\n  "
            + "\n  ".join(landed.refused)
        )
    if landed.files:
        say("Next: valuescope build")


def _say(landed: Landed, address: str) -> None:
    say(
        f"Landed {landed.files} files with {landed.answers} answers ({landed.bytes / 1e6:.1f} MB) "
        f"from {address}; {landed.already_here} were here already."
    )
    for study, runs in sorted(landed.left.items()):
        say(
            f"Left there: {runs} runs of {study}, which is not the study of this home. "
            "--study NAME brings the runs of another."
        )
    for folder in landed.other_versions:
        say(f"Left there: {folder}, which another version of valuescope wrote.")
