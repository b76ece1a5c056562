"""The project's own tests of data: each rule that yml states is broken once, and named."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest
import yaml

from tests.dbt_project.agreement_study import AgreementStudy
from valuescope.warehouse.home import DBT_PROJECT

Node = dict[str, Any]
# How a rule is told, and the SQL of values that break it; None where a column has no such rule.
Broken = tuple[str, dict[str, str]] | None


def described() -> dict[str, Node]:
    """Each table's grain and columns, by the name that dbt gives the test of its columns."""
    nodes = {}
    for path in (*DBT_PROJECT.glob("models/**/*.yml"), *DBT_PROJECT.glob("seeds/*.yml")):
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        for node in (*read.get("models", ()), *read.get("seeds", ())):
            nodes[node["name"]] = {
                "grain": node.get("config", {}).get("meta", {}).get("grain", ()),
                "columns": {
                    column["name"]: column.get("config", {}).get("meta", {})
                    for column in node.get("columns", ())
                },
            }
    return nodes


@pytest.fixture(scope="module")
def tests(agreement: AgreementStudy) -> list[Node]:
    """The tests of columns and keys, with their SQL, their tables, and the rules of one table."""
    nodes = described()
    found = []
    for unique_id, sql in agreement.tests_of_data.items():
        name = unique_id.split(".")[2]
        tables = sorted(set(re.findall(r'"valuescope"\."(\w+)"\."(\w+)"', sql)))
        test = {"name": name, "sql": sql, "tables": [".".join(table) for table in tables]}
        found.append(test | nodes.get(name.removeprefix("columns_hold_").rstrip("_"), {}))
    return found


@pytest.fixture(scope="module")
def copy(agreement: AgreementStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of the name that compiled tests read, beside the built one, `built`."""
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(f"attach '{agreement.home.database}' as built (read_only)")
        connection.execute("attach ':memory:' as valuescope")
        for schema in ("raw", "staging", "intermediate", "marts"):
            connection.execute(f"create schema valuescope.{schema}")
        yield connection


def refill(copy: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Fill a table with copies of one of its rows, without constraints; return the columns' types.

    The row is of nulls where the table has none.
    """
    rows = f"from built.{table}"
    if table == "intermediate.int_choice_distributions":
        # A view, which finds its tables only under the name that they were built under.
        asked, averaged = (
            f"from built.intermediate.int_{name}_distributions" for name in ("asked", "averaged")
        )
        rows = f"{asked} union all by name {averaged}"
    copy.execute(
        f"create or replace table valuescope.{table} as "
        f"from (values (null)) left join (select * from ({rows}) limit 1) on true"
    )
    copy.execute(f"alter table valuescope.{table} drop col0")
    for _ in range(3):
        copy.execute(f"insert into valuescope.{table} from valuescope.{table}")
    return {row[0]: row[1] for row in copy.execute(f"describe valuescope.{table}").fetchall()}


def complaint(copy: duckdb.DuckDBPyConnection, test: Node) -> str:
    """What a test says; nothing where it passes."""
    try:
        return "".join(str(row) for row in copy.execute(test["sql"]).fetchall())
    except duckdb.InvalidInputException as error:
        return str(error)


def too_low(rules: Node, name: str, type_: str) -> Broken:
    low, high = rules.get("range", (None, None))
    if low is None:
        return None
    told = f"{name} is below {low}" if high is None else f"{name} is outside {low} to {high}"
    return told, {name: f"{low} - {'1e-9' if type_ == 'DOUBLE' else '1'}"}


def too_high(rules: Node, name: str, type_: str) -> Broken:
    low, high = rules.get("range", (None, None))
    if high is None:
        return None
    told = f"{name} is above {high}" if low is None else f"{name} is outside {low} to {high}"
    return told, {name: f"{high} + {'1e-9' if type_ == 'DOUBLE' else '1'}"}


def not_a_number(rules: Node, name: str, type_: str) -> Broken:
    return (f"{name} is NaN or infinite (2 rows", {name: "'nan'"}) if type_ == "DOUBLE" else None


def infinite(rules: Node, name: str, type_: str) -> Broken:
    return (f"{name} is NaN or infinite (2 rows", {name: "'-inf'"}) if type_ == "DOUBLE" else None


def none_of_the_values(rules: Node, name: str, type_: str) -> Broken:
    if "values" not in rules:
        return None
    return f"{name} is not one of ", {name: "'?'" if type_ == "VARCHAR" else "99"}


def null(rules: Node, name: str, type_: str) -> Broken:
    return (f"{name} is null", {name: "null"}) if rules.get("not_null") is True else None


def null_without_reason(rules: Node, name: str, type_: str) -> Broken:
    if "null_reason" not in rules:
        return None
    reason = rules["null_reason"]
    told = f"{name} and {reason} are both null, or neither is"
    return told, {name: "null", reason: "null"}


def reason_without_null(rules: Node, name: str, type_: str) -> Broken:
    if "null_reason" not in rules:
        return None
    reason = rules["null_reason"]
    told = f"{name} and {reason} are both null, or neither is"
    return told, {name: "'higher'" if type_ == "VARCHAR" else "0", reason: "'?'"}


# Those of one group break different rules: what is named is not named for another's sake.
GROUPS = [
    (too_low, none_of_the_values, null, null_without_reason),
    (too_high, reason_without_null),
    (not_a_number, infinite),
]


@pytest.mark.parametrize("breakages", GROUPS)
def test_each_rule_of_a_table_is_checked_and_named_when_a_row_breaks_it(
    copy: duckdb.DuckDBPyConnection,
    tests: list[Node],
    breakages: tuple[Callable[[Node, str, str], Broken], ...],
) -> None:
    """Each breakage has a row of its own, and equal rows break what is unique."""
    unnoticed = []
    for test in tests:
        if not test["name"].startswith("columns_hold"):
            continue
        (table,) = test["tables"]
        types = refill(copy, table)
        expected: list[str] = [
            f"{columns} is not unique"
            for columns in (
                ", ".join(test["grain"]),
                *(name for name, rules in test["columns"].items() if rules.get("unique")),
            )
            if columns
        ]
        for row, breakage in enumerate(breakages):
            changed: dict[str, str] = {}
            for name, type_ in types.items():
                if broken := breakage(test["columns"].get(name, {}), name, type_):
                    expected.append(broken[0])
                    changed |= broken[1]
            if changed:
                values = ", ".join(f"{name} = {value}" for name, value in changed.items())
                copy.execute(f"update valuescope.{table} set {values} where rowid = {row}")
        said = complaint(copy, test)
        unnoticed += [f"{table}: {rule}" for rule in expected if rule not in said]
    assert unnoticed == []


def test_each_key_that_its_dimension_lacks_is_named(
    copy: duckdb.DuckDBPyConnection, tests: list[Node]
) -> None:
    keys = [test for test in tests if test["name"].startswith("keys_")]
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
        "keys_of_seeds": "printed_figures.country_id is not in countries",
    }.items():
        assert expected in said[name]
