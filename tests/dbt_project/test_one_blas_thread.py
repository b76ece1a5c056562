"""dbt asks for one thread of BLAS before a model in Python imports NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from valuescope.warehouse.home import DBT_PROJECT

# As dbt does: nothing of NumPy is imported, then the profile's environment is made.
ASKED = """
import os, sys
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.environments import create
assert "numpy" not in sys.modules
create(DuckDBCredentials.from_dict({
    "database": "home", "schema": "main", "path": "home.duckdb", "module_paths": [sys.argv[1]],
    "plugins": [{"module": "valuescope_statistics.one_blas_thread"}],
}))
assert "numpy" not in sys.modules
print(os.environ["OPENBLAS_NUM_THREADS"])
"""


@pytest.mark.parametrize(("given", "used"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")])
def test_one_thread_is_asked_for_unless_another_number_is_given(
    given: dict[str, str], used: str, tmp_path: Path
) -> None:
    others = {name: text for name, text in os.environ.items() if "OPENBLAS" not in name}
    printed = subprocess.check_output(
        [sys.executable, "-c", ASKED, str(DBT_PROJECT / "python")],
        cwd=tmp_path,
        env={**others, **given},
        text=True,
    )
    assert printed.strip() == used
