"""dbt, which ends with the command that started it. Called by its path, not imported.

The number of the pipe that the command holds comes first, dbt's own arguments follow. Nothing of
valuescope is imported, so that the current folder and the installation do not matter.
"""

import os
import sys
import threading


def _end_with(lifeline: int) -> None:
    """End this process when the other end of the pipe is closed."""
    os.read(lifeline, 1)
    os._exit(1)


if __name__ == "__main__":
    # dbt runs models side by side. Threads of BLAS that wait for a processor spin, which takes ten
    # times the processor time for matrices of a few hundred questions.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    # Once somebody watches: importing it takes seconds.
    from dbt.cli.main import cli

    cli(sys.argv[2:], prog_name="dbt")
