"""The questions of `dbt_project/analyses/` as SQL, without a dbt run.

Only what analyses use of dbt is there: `ref`, `var` and the project's own macros.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import DBT_PROJECT
from valuescope.warehouse.variables import check_variables

_ANALYSES = DBT_PROJECT / "analyses"
_DESCRIBING_END = re.compile(r"(?<=\?)\s")


@dataclass(frozen=True)
class SavedQuery:
    """A question that many ask of a warehouse.

    `question` is the question in words, `grain` describes its rows, and `variables` narrow it
    down; each of them takes one value, or `all`.
    """

    name: str
    question: str
    grain: str
    variables: tuple[str, ...]


def saved_queries() -> tuple[SavedQuery, ...]:
    """Return all saved queries, by name."""
    return tuple(_saved_query(path) for path in sorted(_ANALYSES.glob("*.sql")))


def statement(
    name: str, chosen: Mapping[str, str] | None = None, built_with: Mapping[str, Any] | None = None
) -> str:
    """Return the SQL of a saved query, with schemas before its tables.

    `chosen` are values of the query's own variables, `built_with` the variables that the warehouse
    was built with, where they are not the project's. Raises ValuescopeError for an unknown name or
    variable.
    """
    chosen = chosen or {}
    known = {query.name: query for query in saved_queries()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`--list` names them."
        raise ValuescopeError(f"There is no saved query {name}. {hint}")
    if unknown := sorted(chosen.keys() - set(known[name].variables)):
        takes = known[name].variables
        next_step = f"{name} takes {', '.join(takes) or 'no variable'}."
        raise unknown_name("variable", unknown[0], takes, next_step)
    defaults = _project()["vars"]
    settled = {key: value for key, value in (built_with or {}).items() if key in defaults}
    # Anybody can have written the file that they are recorded in.
    check_variables(settled, "another build: those of the last one")
    variables = {**defaults, **settled, **chosen}
    text = (_ANALYSES / f"{name}.sql").read_text(encoding="utf-8")

    def var(key: str, default: object = None) -> object:
        return variables.get(key, default)

    def var_text(key: str, default: object = None) -> str:
        return "'" + str(var(key, default)).replace("'", "''") + "'"

    given = {"var": var, "var_number": var, "var_text": var_text}
    return _environment().from_string(text, globals=given).render().strip() + "\n"


def _saved_query(path: Path) -> SavedQuery:
    properties = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))
    described = " ".join(properties["analyses"][0]["description"].split())
    question, *grain = _DESCRIBING_END.split(described, maxsplit=1)
    used = re.findall(r'var_text\("(\w+)", "all"\)', path.read_text(encoding="utf-8"))
    return SavedQuery(path.stem, question, "".join(grain), tuple(dict.fromkeys(used)))


@cache
def _project() -> dict[str, Any]:
    text = (DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


@cache
def _environment() -> jinja2.Environment:
    """Return jinja with the project's macros, each under its name, as in dbt."""
    environment = jinja2.Environment(
        extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined, autoescape=False
    )
    environment.globals["ref"] = _qualified
    # Materializations, in a folder of their own, have tags that only dbt knows.
    for path in sorted((DBT_PROJECT / "macros").glob("*.sql")):
        macros = environment.from_string(path.read_text(encoding="utf-8")).module
        environment.globals.update(
            {name: value for name, value in vars(macros).items() if not name.startswith("_")}
        )
    return environment


@cache
def _schemas() -> dict[str, str]:
    """Return the schema of every model and seed."""
    project = _project()
    schemas = {
        path.stem: project["models"]["valuescope"][folder.name]["+schema"]
        for folder in (DBT_PROJECT / "models").iterdir()
        if folder.is_dir()
        for path in folder.rglob("*")
        if path.suffix in (".sql", ".py")
    }
    seeds = project["seeds"]["valuescope"]["+schema"]
    return schemas | {path.stem: seeds for path in (DBT_PROJECT / "seeds").glob("*.csv")}


def _qualified(name: str) -> str:
    return f"{_schemas()[name]}.{name}"
