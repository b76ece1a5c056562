"""Build the tables, once it is sure that there is something to build and nothing is lost."""

import json
from collections.abc import Mapping
from typing import Any

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.status.home_state import landed_cell_count, loaded_survey_count
from valuescope.warehouse.tables.build import (
    BuildSummary,
    build_warehouse,
    comparable_build,
    earlier_build,
)
from valuescope.warehouse.tables.build_record import designs_missing_here
from valuescope.warehouse.variables import check_variables, home_variables


def checked_build(
    home: Home,
    select: str | None = None,
    variables: Mapping[str, Any] | None = None,
    drop_missing: bool = False,
    full_refresh: bool = False,
    verbose: bool = False,
) -> BuildSummary:
    """Build all tables of `home`, or the dbt nodes of `select`, as `valuescope build` does.

    Where a build would do again what the last one did, that one's outcome is returned; where only
    answers have changed, what they do not reach is kept. With `full_refresh` all is computed anew.
    `variables` are dbt's and win over those in the home's variables.json. Raises ValuescopeError
    when the home's own instrument is wrong, when nothing is loaded or scored, when a shared
    warehouse would lose answers, and when dbt fails.
    """
    # With file and line, before dbt reads it.
    load_instrument(home)
    given = dict(variables or {})
    check_variables(given, "the variables given for this build")
    chosen = home_variables(home) | given
    if not landed_cell_count(home) and not loaded_survey_count(home):
        raise ValuescopeError(
            f"Nothing to build in {home.path}: no survey is loaded and no model is scored. Run "
            "`valuescope ingest FILE` (or `ingest --sample`) and `valuescope score --model NAME`."
        )
    if home.lake is not None and not drop_missing:
        _refuse_to_drop(home)
    last = None if select or full_refresh else comparable_build(home, chosen)
    if last and (earlier := earlier_build(home, last)):
        return earlier
    arguments: tuple[str, ...] = ("--select", select) if select else ()
    if full_refresh:
        arguments += ("--full-refresh",)
    if chosen:
        arguments += ("--vars", json.dumps(chosen))
    return build_warehouse(home, arguments, verbose, last)


def _refuse_to_drop(home: Home) -> None:
    """Refuse a build that would drop answers that others built with and this home lacks."""
    missing = designs_missing_here(home)
    if missing:
        raise ValuescopeError(
            f"{home.warehouse[0].upper()}{home.warehouse[1:]} holds answers of {len(missing)} "
            f"models and prompts that {home.landing} lacks, such as {missing[0]}. Bring them with "
            "`valuescope land` first, or drop them with --drop-missing."
        )
