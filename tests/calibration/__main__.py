"""Build the scenes and write docs/calibration.md; called by `make calibrate`."""

import tempfile
from pathlib import Path

from tests.calibration.measured import measured
from tests.calibration.page import page
from tests.calibration.study import Scene, build_scene
from tests.dbt_project.study import read_instrument
from valuescope.warehouse.home import CLONE, Home

# Scenes that differ in their seed alone are one on the page: builds of fewer surveys stay small.
SCENES = (
    *(Scene(countries=6, surveys=20, seed=seed) for seed in (1, 2, 3, 4)),
    *(Scene(countries=44, surveys=5, seed=seed) for seed in (1, 2)),
    Scene(countries=6, surveys=80, has_prompts=True),
    Scene(countries=20, surveys=20, has_prompts=True),
)

if __name__ == "__main__":
    found = []
    for scene in SCENES:
        with tempfile.TemporaryDirectory(prefix="valuescope-calibration-") as folder:
            home = Home(Path(folder) / "home")
            build_scene(home, scene, read_instrument())
            found.append((scene, measured(home, scene)))
    (CLONE / "docs" / "calibration.md").write_text(page(found), encoding="utf-8")
