"""How fast commands start, in a home with tables."""

import pytest

from tests.benchmarks.conftest import Report
from tests.benchmarks.starting import COMMANDS, PYTHON, processor_seconds
from tests.benchmarks.warehouse import build, generated_home

pytestmark = pytest.mark.benchmark

GOALS = {"--help": "0.4 s", "status": "0.8 s", 'sql "select 1"': "0.8 s"}


def test_starting(starting_report: Report) -> None:
    with generated_home(1) as home:
        build(home)
        python = processor_seconds(home, PYTHON)
        for name, arguments in COMMANDS.items():
            seconds = processor_seconds(home, arguments)
            starting_report.add(
                f"processor time of `valuescope {name}`, over `python -c pass`",
                f"{seconds:.2f} s ({seconds / python:.0f}x over {python:.3f} s)",
                GOALS[name],
            )
