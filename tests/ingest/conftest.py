from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def instrument() -> Instrument:
    return load_instrument()


@pytest.fixture
def query(home: Home) -> Query:
    def run(sql: str, *values: object) -> list[tuple[Any, ...]]:
        with open_for_reading(home) as connection:
            return connection.execute(sql, list(values)).fetchall()

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = CLONE.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the reference marginals (../shared/data) are not here")
    return folder
