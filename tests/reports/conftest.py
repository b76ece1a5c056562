from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.map_study import MapStudy
from tests.dbt_project.study import (
    WITHOUT_TESTS,
    Instrument,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
)
from valuescope.reports.terminal.summary import Design, designs
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.marts import described_marts


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse small enough to know every answer by heart."""
    connection = duckdb.connect(":memory:")
    connection.execute(Path(__file__).with_name("marts.sql").read_text(encoding="utf-8"))
    tables = connection.execute("select table_name from duckdb_tables()").fetchall()
    for mart in described_marts():
        for column in mart.columns if (mart.name,) in tables else ():
            connection.execute(
                f"alter table marts.{mart.name} add column if not exists "
                f"{column.name} {column.data_type}"
            )
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def design(connection: duckdb.DuckDBPyConnection) -> Design:
    """The small model on prompt p1 against the survey `wvs`."""
    return next(
        found for found in designs(connection, "small", "p1") if found.population_id == "wvs"
    )


@pytest.fixture(scope="module")
def paired(pairs: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of sizes, precisions, base and chat models."""
    with duckdb.connect(str(pairs.database), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def mapped(cultural_map: MapStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of the cultural map."""
    with duckdb.connect(str(cultural_map.home.database), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def alone(
    new_home: Callable[[], Home], instrument: Instrument
) -> Iterator[duckdb.DuckDBPyConnection]:
    """One model, one design, and no people."""
    home = new_home()
    land_design(home, "native")
    land_model(home, "model")
    land_run(home, "run", "model", "native")
    cells = [
        (
            {"model_id": "model", "prompt_id": "native", "country_id": country_id}
            | {"question_id": question_id},
            [-1.0 - index for index in range(instrument.choice_count(question_id))],
        )
        for question_id in (f"Q{number}" for number in range(1, 7))
        for country_id in ("DEU", "JPN")
    ]
    land_cells(home, cells)
    build_successfully(home, *WITHOUT_TESTS)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        yield connection
