"""dbt asks for one thread of BLAS before a model in Python imports NumPy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from valuescope.warehouse.home import DBT_PROJECT

# As dbt does: nothing of NumPy is imported, then the profile's environment is made.
ASKED = """
import json, os, sys
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.environments import create
assert "numpy" not in sys.modules
create(DuckDBCredentials.from_dict({
    "database": "home", "schema": "main", "path": "home.duckdb", "module_paths": [sys.argv[1]],
    "plugins": json.loads(sys.argv[2]),
}))
assert "numpy" not in sys.modules
print(os.environ["OPENBLAS_NUM_THREADS"])
"""


@pytest.mark.parametrize("target", ["local", "exact", "lake"])
@pytest.mark.parametrize(("given", "used"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")])
def test_one_thread_is_asked_for_unless_another_number_is_given(
    target: str, given: dict[str, str], used: str, tmp_path: Path
) -> None:
    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    plugins = json.dumps(profile["valuescope"]["outputs"][target]["plugins"])
    others = {name: text for name, text in os.environ.items() if "OPENBLAS" not in name}
    printed = subprocess.check_output(
        [sys.executable, "-c", ASKED, str(DBT_PROJECT / "python"), plugins],
        cwd=tmp_path,
        env={**others, **given},
        text=True,
    )
    assert printed.strip() == used
