"""How the suite shares a machine between the workers of pytest-xdist, and what it builds once."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.dbt_project.agreement_study import AgreementStudy, build_agreement_study
from tests.dbt_project.map_study import MapStudy, build_map_study
from tests.dbt_project.pairs_study import build_pairs_study
from tests.dbt_project.study import Instrument, read_instrument
from tests.reports.page.browsing import ARGUMENTS, CHROMIUM
from warehouse.home import Home

# Fixtures that take long to make, once a session in each worker.
SHARED_BUILDS = ("agreement", "study", "pairs", "cultural_map")
# A worker holds up to three models in memory.
MOST_WORKERS = 4


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
    """Put files that use the same shared build together, and all of them first: they take longest.

    A worker runs whole files (`--dist loadfile`), so that it makes each shared build once at most.
    xdist's own groups need node ids that pytest 9.2 no longer lets it write.
    """
    needed: dict[str, set[str]] = defaultdict(set)
    for item in items:
        needed[str(item.path)].update(getattr(item, "fixturenames", ()))
    places = {
        path: next(
            (place for place, name in enumerate(SHARED_BUILDS) if name in fixtures),
            len(SHARED_BUILDS),
        )
        for path, fixtures in needed.items()
    }
    items.sort(key=lambda item: places[str(item.path)])


@pytest.fixture(scope="session")
def instrument() -> Instrument:
    """The questions and choices that the seeds hold."""
    return read_instrument()


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    """Give an empty home at each call."""
    return lambda: Home(Path(tmp_path_factory.mktemp("home")) / "study")


@pytest.fixture(scope="session")
def agreement(instrument: Instrument, new_home: Callable[[], Home]) -> AgreementStudy:
    """Five models, six designs and all marts, built once a session."""
    return build_agreement_study(new_home(), instrument)


@pytest.fixture(scope="session")
def pairs(instrument: Instrument, new_home: Callable[[], Home]) -> Home:
    """Sizes, precisions, base and chat models in both orders, and all marts."""
    return build_pairs_study(new_home(), instrument)


@pytest.fixture(scope="session")
def cultural_map(instrument: Instrument, new_home: Callable[[], Home]) -> MapStudy:
    """Respondents with two values each, models of them, and the map."""
    return build_map_study(new_home(), instrument)


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
