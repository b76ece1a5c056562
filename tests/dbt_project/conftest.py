from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dbt_project.agreement_study import AgreementStudy, build_agreement_study
from tests.dbt_project.study import Instrument, read_instrument
from warehouse.home import Home


@pytest.fixture(scope="session")
def instrument() -> Instrument:
    return read_instrument()


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    return lambda: Home(Path(tmp_path_factory.mktemp("home")) / "study")


@pytest.fixture(scope="session")
def agreement(instrument: Instrument, new_home: Callable[[], Home]) -> AgreementStudy:
    return build_agreement_study(new_home(), instrument)
