"""`warehouse.connect`, from where notebooks start."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from valuescope import warehouse
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home


@pytest.fixture
def built(home: Home) -> Home:
    home.path.mkdir()
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.dim_models as select 'small' as model_name")
    return home


def test_marts_need_no_schema(built: Home) -> None:
    with warehouse.connect(built.path) as connection:
        assert connection.sql("from dim_models").fetchall() == [("small",)]


def test_the_home_is_the_one_that_the_environment_names(
    built: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUESCOPE_HOME", str(built.path))
    with warehouse.connect() as connection:
        assert connection.sql("from dim_models").fetchall() == [("small",)]


def test_nothing_can_be_written(built: Home) -> None:
    with (
        warehouse.connect(str(built.path)) as connection,
        pytest.raises(duckdb.InvalidInputException, match="read-only"),
    ):
        connection.execute("drop table dim_models")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValuescopeError, match="No warehouse at"):
        warehouse.connect(tmp_path)
    duckdb.connect(str(Home(tmp_path).database)).close()
    with pytest.raises(ValuescopeError, match="no marts yet"):
        warehouse.connect(tmp_path)


def test_the_package_opens_no_database_before_it_is_asked_to() -> None:
    script = "import sys, warehouse; raise SystemExit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=CLONE, check=False).returncode == 0
