"""What it takes to start: processor time of small commands, over that of Python alone.

A command is run several times in an environment that has read everything before, and the least is
taken: what else the machine does only ever adds.
"""

import os
import resource
import subprocess
import sys

from valuescope.warehouse.home import CLONE, Home

ROUNDS = 5
PYTHON = ("-c", "pass")
COMMANDS = {
    "--help": ("-m", "valuescope", "--help"),
    "status": ("-m", "valuescope", "status"),
    'sql "select 1"': ("-m", "valuescope", "sql", "select 1"),
}


def processor_seconds(home: Home, arguments: tuple[str, ...]) -> float:
    """The least processor time, user and system together, of Python with `arguments`."""
    return min(_once(home, arguments) for _ in range(ROUNDS + 1))


def _once(home: Home, arguments: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        cwd=CLONE,
        env=os.environ | {"VALUESCOPE_HOME": str(home.path)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
