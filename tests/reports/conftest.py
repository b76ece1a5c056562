from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from reports.summary import Design, designs


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse small enough to know every answer by heart."""
    connection = duckdb.connect(":memory:")
    connection.execute(Path(__file__).with_name("marts.sql").read_text(encoding="utf-8"))
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def design(connection: duckdb.DuckDBPyConnection) -> Design:
    """The small model on prompt p1 against the survey `wvs`."""
    return next(
        found for found in designs(connection, "small", "p1") if found.population_id == "wvs"
    )
