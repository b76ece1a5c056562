"""Progress: bars within 80 columns on a terminal, a line a minute where there is none."""

import io
from collections.abc import Iterator
from time import sleep
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from valuescope import console
from valuescope.scorer.planning.division import DesignWork, ModelWork
from valuescope.scoring_display import ScoringDisplay

LONG_NAME = "a-model-with-quite-a-long-name-7b-instruct"


def work(cells: int) -> DesignWork:
    design = SimpleNamespace(
        answer_style="label_text", choice_order="forward", elicitation="likelihood"
    )
    return cast(DesignWork, SimpleNamespace(design=design, cells=cells))


@pytest.fixture
def clock() -> SimpleNamespace:
    """A clock that a test sets."""
    return SimpleNamespace(now=0.0)


@pytest.fixture
def display(clock: SimpleNamespace) -> Iterator[ScoringDisplay]:
    """A display of two runs, begun, on no terminal."""
    with ScoringDisplay(on_cluster=False, clock=lambda: clock.now) as display:
        works = [SimpleNamespace(designs=(work(8_000), work(8_000)))]
        display.planned(cast(list[ModelWork], works))
        display.started(LONG_NAME, work(8_000))
        yield display


def test_a_run_says_once_a_minute_how_far_it_is(
    display: ScoringDisplay, clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    for second in range(0, 150, 5):
        clock.now = float(second)
        display.progressed(500 + 10 * second, 8_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"{LONG_NAME[:28]}: 1,100 of 8,000 cells, 10.0/s, 12 min left",
        f"{LONG_NAME[:28]}: 1,700 of 8,000 cells, 10.0/s, 10 min left",
    ]
    assert max(map(len, lines)) <= 80


def test_a_run_that_stands_still_has_no_end(
    display: ScoringDisplay, clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    display.progressed(500, 8_000)
    clock.now = 61.0
    display.progressed(500, 8_000)
    assert capsys.readouterr().err == f"{LONG_NAME[:28]}: 500 of 8,000 cells, 0.0/s\n"


def test_a_step_says_once_a_minute_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LINES", 0.001)
    said = ""
    with console.step_progress("dbt build"):
        while "2 min" not in said:
            sleep(0.001)
            said += capsys.readouterr().err
    assert said.startswith("dbt build: 1 min so far\ndbt build: 2 min so far\n")


def test_bars_fit_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()

    def terminal() -> Console:
        return Console(file=shown, force_terminal=True, width=80, color_system=None)

    monkeypatch.setattr(console, "err", terminal)
    with console.cell_progress() as progress:
        task: Any = progress.add_task(f"{LONG_NAME} label_text forward", total=16_650)
        progress.update(task, completed=1)
        sleep(0.01)
        progress.update(task, completed=16_649)
        progress.refresh()
    rows = [row for row in shown.getvalue().replace("\r", "\n").splitlines() if "16649" in row]
    assert rows
    assert all("…" in row and row.rstrip().endswith("left") for row in rows)
