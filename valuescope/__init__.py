"""Measure how closely a language model's picture of a country matches its survey answers.

The functions do what the commands of the same names do, return values and print nothing:

    import valuescope as vs

    vs.ingest("WVS_Cross-National_Wave_7_csv_v6_0.csv")
    vs.score("smollm2-135m-instruct", countries=["JPN", "USA"])
    vs.build()
    vs.query("from agg_country_correlations").to_pandas()
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from valuescope.api import (
        build,
        check,
        connect,
        ingest,
        land,
        query,
        questions,
        report,
        score,
        status,
    )
    from valuescope.scorer.runs.plan import Listener
    from valuescope.warehouse.errors import ValuescopeError

_MODULES = {
    **dict.fromkeys(
        (
            *("build", "check", "connect", "ingest", "land", "query"),
            *("questions", "report", "score", "status"),
        ),
        "valuescope.api",
    ),
    "Listener": "valuescope.scorer.runs.plan",
    "ValuescopeError": "valuescope.warehouse.errors",
}

__all__ = [
    "Listener",
    "ValuescopeError",
    "build",
    "check",
    "connect",
    "ingest",
    "land",
    "query",
    "questions",
    "report",
    "score",
    "status",
]


def __getattr__(name: str) -> Any:
    """Import what is used when it is used first, so that `import valuescope` costs nothing."""
    if name not in _MODULES:
        raise AttributeError(f"module 'valuescope' has no attribute '{name}'")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})


class _Package(ModuleType):
    """Keeps `valuescope.ingest` the function: to import the room of that name would replace it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _MODULES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
