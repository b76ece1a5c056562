"""The request of `valuescope land`, from the values of its options."""

from pathlib import Path

from valuescope.scorer.brought.columns import is_answer_file
from valuescope.scorer.brought.formats import TIDY
from valuescope.scorer.brought.landing import Brought, land_answers
from valuescope.warehouse.errors import ValuescopeError, WrongUsageError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.landing_zone.download import Landed, land_shards
from valuescope.warehouse.landing_zone.stores import open_store


def land(
    home: Home,
    address: str,
    *,
    study: str | None = None,
    check: bool = False,
    model: str | None = None,
    format_name: str = TIDY,
    survey: str | None = None,
) -> Brought | Landed:
    """Bring a file of answers, or download what others have scored from a shared store.

    Raises WrongUsageError for options of the one with the other, ValuescopeError for a file or
    store that cannot be read.
    """
    if not is_answer_file(address):
        if check or model or format_name != TIDY or survey:
            raise WrongUsageError(
                "--check, --model, --format and --survey are for a file of answers, which "
                f"{address} is not."
            )
        return land_shards(home, open_store(address), study)
    if study is not None:
        raise WrongUsageError("--study is for a shared store, not for a file of answers.")
    path = Path(address)
    if not path.is_file():
        raise ValuescopeError(f"{path} does not exist. Check its name.")
    return land_answers(
        home,
        path,
        load_instrument(home),
        survey_id=survey,
        model=model,
        format_name=format_name,
        check_only=check,
    )
