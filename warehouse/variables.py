"""The variables of a build: which there are, and whether values are what they may be.

`dbt_project/macros/variables.sql` declares and checks them, for dbt as for what is here.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import DBT_PROJECT, Home

_FILE = DBT_PROJECT / "macros" / "variables.sql"


def declared_variables() -> Mapping[str, Mapping[str, Any]]:
    """Return type, bounds and meaning of each variable that a build takes, by its name."""
    declared = json.loads(_macros().declared_variables())
    return {name: rule for name, rule in declared.items() if rule.get("of") != "queries"}


def check_variables(variables: Mapping[str, Any], source: str) -> None:
    """Raise ValuescopeError for an unknown name or a value that the variable may not have.

    `source` says where they come from, for the message.
    """
    known = declared_variables()
    for name, value in variables.items():
        if name not in known:
            raise unknown_name(
                "variable", str(name)[:60], known, f"{source} may set {', '.join(known)}."
            )
        if problem := str(_macros().variable_problem(name, value)).strip():
            raise ValuescopeError(f"{problem} Correct it in {source}.")


def home_variables(home: Home) -> dict[str, Any]:
    """Return the variables in the home's `variables.json`; none without the file.

    Raises ValuescopeError when it holds anything but a JSON object of variables and fit values.
    """
    try:
        variables = json.loads(home.variables.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ValuescopeError(
            f"Cannot read {home.variables}: {error}. Correct it, or remove it to build with the "
            "project's variables."
        ) from error
    if not isinstance(variables, dict):
        raise ValuescopeError(
            f"{home.variables} must hold a JSON object of dbt variables, such as "
            '{"question_set": "common"}.'
        )
    check_variables(variables, str(home.variables))
    return variables


@cache
def _macros() -> Any:
    """Return the macros of the file. Those that ask dbt for a value cannot be called here."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
    environment.globals["fromjson"] = json.loads
    return environment.from_string(_FILE.read_text(encoding="utf-8")).module
