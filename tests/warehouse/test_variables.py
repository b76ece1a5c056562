import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import DBT_PROJECT, Home
from valuescope.warehouse.variables import check_variables, declared_variables, home_variables

DEFAULTS = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
# None of them is a fit value of any variable.
HOSTILE = (
    "5",
    "0); copy (select 1) to '/tmp/written'; select (1",
    "x' or 'a' = 'a",
    "{{ env_var('HOME') }}",
    None,
    True,
    -1,
    0.5e12,
    float("nan"),
    float("inf"),
    ["x' or 'a' = 'a"],
    ["jpn"],
    {"wvs": 7},
    {"wvs": ["wvs:7:unweighted:all"]},
)


def test_every_variable_of_the_project_is_declared_and_its_default_is_fit() -> None:
    assert declared_variables().keys() == DEFAULTS.keys()
    check_variables(DEFAULTS, "dbt_project.yml")
    assert all(rule["meaning"].endswith(".") for rule in declared_variables().values())


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_hostile_value_of_any_variable_is_refused(name: str) -> None:
    for value in HOSTILE:
        with pytest.raises(ValuescopeError, match=f"The variable {name} is .*--var"):
            check_variables({name: value}, "--var")


@pytest.mark.parametrize(
    ("name", "fit", "unfit"),
    [
        ("minimum_questions", 2, 1),
        ("minimum_questions", 100_000, 100_001),
        ("deff", 0.1, 0.099),
        ("deff", 100, 100.1),
        ("minimum_coverage", 1.0, 1.001),
        ("question_set", "common", "Common"),
        ("reference_countries", ["JPN", "USA"], ["JPN", "Japan"]),
        ("reference_populations", {"wvs": "wvs:7:unweighted:all"}, ["wvs:7:unweighted:all"]),
    ],
)
def test_a_variable_takes_what_is_in_its_range(name: str, fit: Any, unfit: Any) -> None:
    check_variables({name: fit}, "--var")
    with pytest.raises(ValuescopeError, match=name):
        check_variables({name: unfit}, "--var")


def test_an_unknown_variable_is_answered_with_the_nearest(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.variables.write_text(json.dumps({"minimum_question": 5}))
    with pytest.raises(ValuescopeError, match="did you mean minimum_questions") as problem:
        home_variables(home)
    assert str(home.variables) in str(problem.value)


def test_no_sql_takes_a_variable_as_it_comes() -> None:
    """`var_number` and `var_text` write values; elsewhere `var` is quoted or hashed at once."""
    for path in DBT_PROJECT.rglob("*.sql"):
        if path.name != "variables.sql":
            text = path.read_text(encoding="utf-8")
            uses = re.findall(r"(\w+)\((?<!\w)var\(|(?<!\w)var\(", text)
            assert set(uses) <= {"sql_text", "tojson"}, path
