"""Have BLAS compute with one thread where dbt runs: a plugin of dbt-duckdb (`profiles.yml`).

dbt runs models side by side. Threads of BLAS that wait for a processor spin, which takes several
times the processor time for matrices of a few hundred questions.
"""

import os
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """A plugin without options; BLAS looks when a model in Python imports NumPy."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Ask for one thread where nobody has said how many."""
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
