"""How the suite shares a machine between the workers of pytest-xdist, and what it builds once."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from tests.dbt_project.agreement_study import AgreementStudy, build_agreement_study
from tests.dbt_project.map_study import MapStudy, build_map_study
from tests.dbt_project.pairs_study import build_pairs_study
from tests.dbt_project.study import Instrument, read_instrument
from tests.reports.page.browsing import ARGUMENTS, CHROMIUM
from tests.shared_builds import built_once, put_builders_first
from valuescope.warehouse.home import Home

# A worker holds up to three models in memory.
MOST_WORKERS = 4

# How long an example takes is a property of the machine and of what else it does.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_xdist_auto_num_workers() -> int:
    """One worker a processor, and one alone where processors cannot be given to processes."""
    if not hasattr(os, "sched_setaffinity"):
        return 1
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker processors of its own; the programs that it starts inherit them.

    llama.cpp, DuckDB and numpy start one thread for each processor that they may use. Those of
    llama.cpp wait for one another without sleeping: one busy neighbour makes them ten times slower.
    """
    worker = getattr(config, "workerinput", None)
    if worker is not None and hasattr(os, "sched_setaffinity"):
        number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
        processors = sorted(os.sched_getaffinity(0))
        own = processors[number::count] or [processors[number % len(processors)]]
        os.sched_setaffinity(0, own)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest.

    A worker runs whole files (`--dist loadfile`). xdist's own groups need node ids that pytest 9.2
    no longer lets it write.
    """
    put_builders_first(items)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of models and written-out weights that the whole test run shares.

    What other programs keep on this machine is none of the tests' business.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VALUESCOPE_CACHE", str(shared / "cache"))
        for variable in ("HF_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE"):
            patch.setenv(variable, str(shared / "no other programs"))
        yield


@pytest.fixture(scope="session")
def instrument() -> Instrument:
    """The questions and choices that the seeds hold."""
    return read_instrument()


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    """Give an empty home at each call."""
    return lambda: Home(Path(tmp_path_factory.mktemp("home")) / "study")


@pytest.fixture(scope="session")
def agreement(instrument: Instrument, tmp_path_factory: pytest.TempPathFactory) -> AgreementStudy:
    """Five models, six designs and all marts."""
    study, home = built_once(
        tmp_path_factory, "agreement", lambda home: build_agreement_study(home, instrument)
    )
    return replace(study, home=home)


@pytest.fixture(scope="session")
def pairs(instrument: Instrument, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Sizes, precisions, base and chat models in both orders, and all marts."""
    _, home = built_once(
        tmp_path_factory, "pairs", lambda home: build_pairs_study(home, instrument)
    )
    return home


@pytest.fixture(scope="session")
def cultural_map(instrument: Instrument, tmp_path_factory: pytest.TempPathFactory) -> MapStudy:
    """Respondents with two values each, models of them, and the map."""
    study, home = built_once(
        tmp_path_factory, "cultural_map", lambda home: build_map_study(home, instrument)
    )
    return replace(study, home=home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window.

    Not for the session: Playwright's event loop runs until it ends, and a thread has but one.
    """
    if CHROMIUM is None:
        assert "CI" not in os.environ, "no chromium, which scripts/system_packages.sh installs"
        pytest.skip("no chromium on this machine; scripts/system_packages.sh installs it")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield started
        started.close()
