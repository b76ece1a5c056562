"""All exhibits, in the order of a report."""

from reports.exhibits import countries, country, question, world
from reports.exhibits.exhibit import Exhibit, Section

_IN_ORDER = list(Section)

EXHIBITS: tuple[Exhibit, ...] = tuple(
    sorted(
        (
            *countries.EXHIBITS,
            *world.EXHIBITS,
            *country.EXHIBITS,
            *question.EXHIBITS,
        ),
        key=lambda exhibit: _IN_ORDER.index(exhibit.section),
    )
)

COMPARING: tuple[Exhibit, ...] = ()
"""What a report shows besides where two models are compared."""
