"""All exhibits, in the order of a report."""

from valuescope.reports.exhibits import culture, methods, quantization, specification
from valuescope.reports.exhibits.agreement import (
    comparison,
    countries,
    country,
    models,
    question,
    world,
)
from valuescope.reports.exhibits.exhibit import Exhibit, Section
from valuescope.reports.exhibits.paper import figures, tables

_IN_ORDER = list(Section)
_MODULES = (
    countries,
    models,
    figures,
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
"""Exhibits that a report adds where two models are compared."""
