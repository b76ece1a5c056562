"""All exhibits, in the order of a report."""

from valuescope.reports.exhibits import (
    comparison,
    countries,
    country,
    culture,
    methods,
    models,
    paper,
    quantization,
    question,
    specification,
    tables,
    world,
)
from valuescope.reports.exhibits.exhibit import Exhibit, Section

_IN_ORDER = list(Section)
_MODULES = (
    countries,
    models,
    paper,
    world,
    country,
    question,
    culture,
    specification,
    quantization,
    tables,
    methods,
)

EXHIBITS: tuple[Exhibit, ...] = tuple(
    sorted(
        (exhibit for module in _MODULES for exhibit in module.EXHIBITS),
        key=lambda exhibit: _IN_ORDER.index(exhibit.section),
    )
)

COMPARING: tuple[Exhibit, ...] = comparison.COMPARING
"""What a report shows besides where two models are compared."""
