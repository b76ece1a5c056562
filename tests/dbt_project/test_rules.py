"""The project's own tests of data: each rule that yml states is broken once, and named."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import build, dbt_output

Node = dict[str, Any]
# The text of a rule and the SQL of a value that breaks it, from a column's rules, name and type.
Breakage = Callable[[Node, str, str], tuple[str, str] | None]


@pytest.fixture(scope="module")
def tests(agreement: AgreementStudy) -> list[Node]:
    """All tests of data as dbt compiles them, each with its SQL and the node that it is about."""
    result = build(agreement.home, "compile", "--select", "resource_type:test")
    assert result.returncode == 0, result.stdout
    target = dbt_output() / "target"
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    return [
        {
            "name": nodes[outcome["unique_id"]]["name"],
            "sql": outcome["compiled_code"],
            "of": nodes.get(nodes[outcome["unique_id"]].get("attached_node")),
            "tables": [
                f"{nodes[parent]['schema']}.{nodes[parent]['name']}"
                for parent in nodes[outcome["unique_id"]]["depends_on"]["nodes"]
            ],
        }
        for outcome in results
    ]


@pytest.fixture(scope="module")
def copy(agreement: AgreementStudy, tests: list[Node]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of the name that compiled tests read, beside the built one, `built`.

    After dbt has compiled `tests`, which no reader may keep from the file.
    """
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(f"attach '{agreement.home.database}' as built (read_only)")
        connection.execute("attach ':memory:' as valuescope")
        for schema in ("raw", "staging", "intermediate", "marts"):
            connection.execute(f"create schema valuescope.{schema}")
        yield connection


def refill(copy: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Copy rows of a table anew, without its constraints; return the columns' types.

    A table without rows gets one of nulls.
    """
    # A view, which finds its tables only under the name that they were built under.
    source = table.replace("int_choice_distributions", "int_asked_distributions")
    copy.execute(
        f"create or replace table valuescope.{table} as select * from built.{source} limit 9"
    )
    types = {row[0]: row[1] for row in copy.execute(f"describe valuescope.{table}").fetchall()}
    if copy.execute(f"select count(*) from valuescope.{table}").fetchone() == (0,):
        nulls = ", ".join("null" for _ in types)
        copy.execute(f"insert into valuescope.{table} values ({nulls})")
    return types


def complaint(copy: duckdb.DuckDBPyConnection, test: Node) -> str:
    """What a test says; nothing where it passes."""
    try:
        return "".join(str(row) for row in copy.execute(test["sql"]).fetchall())
    except duckdb.InvalidInputException as error:
        return str(error)


def too_low(rules: Node, name: str, type_: str) -> tuple[str, str] | None:
    low, high = rules.get("range", (None, None))
    if low is None:
        return None
    told = f"{name} is below {low}" if high is None else f"{name} is outside {low} to {high}"
    return told, f"{low} - {'1e-9' if type_ == 'DOUBLE' else '1'}"


def too_high(rules: Node, name: str, type_: str) -> tuple[str, str] | None:
    low, high = rules.get("range", (None, None))
    if high is None:
        return None
    told = f"{name} is above {high}" if low is None else f"{name} is outside {low} to {high}"
    return told, f"{high} + {'1e-9' if type_ == 'DOUBLE' else '1'}"


def not_a_number(rules: Node, name: str, type_: str) -> tuple[str, str] | None:
    return (f"{name} is NaN or infinite", "'nan'") if type_ == "DOUBLE" else None


def infinite(rules: Node, name: str, type_: str) -> tuple[str, str] | None:
    return (f"{name} is NaN or infinite", "'-inf'") if type_ == "DOUBLE" else None


def none_of_the_values(rules: Node, name: str, type_: str) -> tuple[str, str] | None:
    if "values" not in rules:
        return None
    return f"{name} is not one of ", "'?'" if type_ == "VARCHAR" else "99"


def null(rules: Node, name: str, type_: str) -> tuple[str, str] | None:
    return (f"{name} is null", "null") if rules.get("not_null") is True else None


def null_without_reason(rules: Node, name: str, type_: str) -> tuple[str, str] | None:
    if "null_reason" not in rules:
        return None
    reason = rules["null_reason"]
    return f"{name} and {reason} are both null, or neither is", f"null, {reason} = null"


def reason_without_null(rules: Node, name: str, type_: str) -> tuple[str, str] | None:
    if "null_reason" not in rules:
        return None
    reason = rules["null_reason"]
    value = "'higher'" if type_ == "VARCHAR" else "0"
    return f"{name} and {reason} are both null, or neither is", f"{value}, {reason} = '?'"


BREAKAGES: list[Breakage] = [
    *(too_low, too_high, not_a_number, infinite, none_of_the_values, null),
    *(null_without_reason, reason_without_null),
]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_each_rule_of_a_column_is_checked_and_named_when_a_row_breaks_it(
    copy: duckdb.DuckDBPyConnection, tests: list[Node], breakage: Breakage
) -> None:
    unnoticed = []
    for test in tests:
        if not test["name"].startswith("columns_hold"):
            continue
        (table,) = test["tables"]
        types = refill(copy, table)
        broken = [
            (column, *outcome)
            for column, type_ in types.items()
            if (
                outcome := breakage(
                    test["of"]["columns"].get(column, {}).get("config", {}).get("meta", {}),
                    column,
                    type_,
                )
            )
        ]
        for column, _, value in broken:
            copy.execute(
                f"update valuescope.{table} set {column} = {value} "
                f"where rowid = (select min(rowid) from valuescope.{table})"
            )
        said = complaint(copy, test)
        unnoticed += [f"{table}: {rule}" for _, rule, _ in broken if rule not in said]
    assert unnoticed == []


def test_a_row_that_stands_twice_breaks_the_grain_and_every_unique_column(
    copy: duckdb.DuckDBPyConnection, tests: list[Node]
) -> None:
    unnoticed = []
    for test in tests:
        if not test["name"].startswith("columns_hold"):
            continue
        (table,) = test["tables"]
        refill(copy, table)
        copy.execute(f"insert into valuescope.{table} from valuescope.{table} limit 1")
        said = complaint(copy, test)
        grain = test["of"]["config"]["meta"].get("grain", ())
        unique = [
            name
            for name, column in test["of"]["columns"].items()
            if column["config"]["meta"].get("unique")
        ]
        unnoticed += [
            f"{table}: {columns}"
            for columns in (", ".join(grain), *unique)
            if columns and f"{columns} is not unique" not in said
        ]
    assert unnoticed == []


def test_each_key_that_its_dimension_lacks_is_named(
    copy: duckdb.DuckDBPyConnection, tests: list[Node]
) -> None:
    keys = [test for test in tests if test["name"].startswith(("keys_", "countries_"))]
    for table in {table for test in keys for table in test["tables"]}:
        types = refill(copy, table)
        own = [name for name in types if name.endswith(("_id", "_name"))]
        changed = ", ".join(f"{name} = 'none of {table}'" for name in own)
        copy.execute(f"update valuescope.{table} set {changed}")
    said = {test["name"]: complaint(copy, test) for test in keys}
    assert [name for name, text in said.items() if not text] == []
    for name, expected in {
        "keys_of_model": "fct_mean_scores.model_id is not in dim_models",
        "keys_of_comparisons": "cmp_base_chat.other_prompt_id is not in dim_prompts",
        "keys_of_model_in_human": "agg_category_scores.category_id is not in dim_categories",
        "countries_of_map": "agg_cultural_distances.closest_country_id is not in dim_countries",
        "countries_and_runs_of_model": "fct_choice_probabilities.run_id is not in dim_runs",
    }.items():
        assert expected in said[name]
