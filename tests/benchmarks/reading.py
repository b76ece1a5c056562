"""What `make bench` measures of reading survey files: each task in a process of its own."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import python_calamine

from valuescope.ingest import load_file
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import load_instrument

_READ_BYTES = 1 << 24


@dataclass(frozen=True)
class Reading:
    """How long a task took without imports, the most memory its process held, rows it read.

    `processor_seconds` are those of all threads.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int
    rows: int


def ingest(path: Path) -> tuple[float, int]:
    """`load_file` into an empty warehouse."""
    instrument = load_instrument()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        report = load_file(path, Home(Path(folder)), instrument)
        return time.perf_counter() - started, report.file.rows_read


def count(path: Path) -> tuple[float, int]:
    """DuckDB parsing every cell of the file as text and counting those that are not empty.

    `count(*)` alone would skip the cells: DuckDB then only looks for the ends of the rows.
    """
    with duckdb.connect() as connection:
        started = time.perf_counter()
        counts = connection.execute(
            "select count(columns(*)) from read_csv(?, header = true, all_varchar = true)",
            [str(path)],
        ).fetchall()
        return time.perf_counter() - started, max(counts[0])


def group(path: Path) -> tuple[float, int]:
    """pandas reading the file, and weighted counts of each question by one `groupby` each."""
    import pandas as pd

    questions = load_instrument().questions
    started = time.perf_counter()
    frame = pd.read_csv(path)
    for question in questions:
        frame.groupby(["B_COUNTRY_ALPHA", question])["W_WEIGHT"].agg(["size", "sum"])
    return time.perf_counter() - started, len(frame)


def open_cells(path: Path) -> tuple[float, int]:
    """python-calamine alone reading the cells of a workbook."""
    started = time.perf_counter()
    with python_calamine.CalamineWorkbook.from_path(path) as workbook:
        cells = workbook.get_sheet_by_name("Data").to_python(skip_empty_area=True)
    return time.perf_counter() - started, len(cells) - 1


TASKS: dict[str, Callable[[Path], tuple[float, int]]] = {
    task.__name__: task for task in (ingest, count, group, open_cells)
}


def measured(task: Callable[[Path], tuple[float, int]], path: Path) -> Reading:
    """Run a task on a file that the operating system has in memory as far as it fits."""
    with path.open("rb") as file:
        while file.read(_READ_BYTES):
            pass
    finished = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.reading", task.__name__, str(path)],
        cwd=CLONE,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Reading(**json.loads(finished.stdout))


def _peak_bytes() -> int:
    """The most memory that this process held.

    On Linux `ru_maxrss` begins with what the parent held, so the kernel's own line is read there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    started = time.process_time()
    seconds, rows = TASKS[sys.argv[1]](Path(sys.argv[2]))
    used = time.process_time() - started
    print(json.dumps(asdict(Reading(seconds, used, _peak_bytes(), rows))))  # noqa: T201
