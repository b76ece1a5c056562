"""The request of `valuescope ingest`, from the values of its options."""

from collections.abc import Sequence

from valuescope.ingest.readers import LoadOptions
from valuescope.ingest.respondents.breakdowns import (
    DEFAULT_MINIMUM_CELL,
    DEFAULT_SEED,
    Breakdown,
    parse_breakdown,
)
from valuescope.ingest.respondents.breakdowns import split_halves as random_halves


def load_options(
    *,
    wave: int | None = None,
    weighting: str | None = None,
    by: str | Sequence[str] = (),
    minimum_cell: int = DEFAULT_MINIMUM_CELL,
    split_halves: int | None = None,
    seed: int = DEFAULT_SEED,
    year: int | None = None,
    country: str | None = None,
    missing_weights: str = "leave-out",
    member: str | None = None,
    survey: str | None = None,
) -> LoadOptions:
    """Return what the options of `valuescope ingest` ask for; their names and meanings are its.

    Raises ValuescopeError for a trait that does not exist.
    """
    traits = (by,) if isinstance(by, str) else by
    breakdowns: tuple[Breakdown, ...] = tuple(dict.fromkeys(map(parse_breakdown, traits)))
    if split_halves:
        breakdowns += random_halves(split_halves, seed)
    return LoadOptions(
        survey_id=survey,
        wave=wave,
        year=year,
        country=country,
        weighting=weighting,
        weighs_missing_as_one=missing_weights == "as-one",
        breakdowns=breakdowns,
        minimum_cell=minimum_cell,
        member=member,
    )
