"""Build the scenes and write docs/calibration.md; called by `make calibrate`."""

import tempfile
from pathlib import Path

from tests.calibration.measured import measured, permutation_tests
from tests.calibration.page import page
from tests.calibration.study import Scene, build_scene
from tests.dbt_project.study import read_instrument
from valuescope.warehouse.home import CLONE, Home

SCENES = (Scene(countries=6, surveys=80), Scene(countries=44, surveys=10))

if __name__ == "__main__":
    found = []
    for scene in SCENES:
        with tempfile.TemporaryDirectory(prefix="valuescope-calibration-") as folder:
            home = Home(Path(folder) / "home")
            build_scene(home, scene, read_instrument())
            found.append((scene, measured(home, scene), permutation_tests(home)))
    (CLONE / "docs" / "calibration.md").write_text(page(found), encoding="utf-8")
