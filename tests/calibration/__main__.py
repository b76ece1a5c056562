"""Build the scenes and write docs/calibration.md; called by `make calibrate`.

`python -m tests.calibration FOLDER` keeps what is measured of each scene in a folder and builds
only those that are not there: whoever changes a statistic empties it.
"""

import pickle
import sys
import tempfile
from pathlib import Path

from tests.calibration.measured import Measured, measured_scene
from tests.calibration.page import page
from tests.calibration.study import Scene
from valuescope.warehouse.home import CLONE, Home

# Scenes that differ in their seed alone are one on the page: builds of fewer surveys stay small.
SCENES = (
    *(Scene(countries=6, surveys=20, seed=seed) for seed in (1, 2, 3, 4)),
    *(Scene(countries=44, surveys=5, seed=seed) for seed in (1, 2)),
    Scene(countries=6, surveys=80, kind="prompts"),
    Scene(countries=20, surveys=20, kind="prompts"),
    *(Scene(countries=6, surveys=40, seed=seed, kind="subjects") for seed in (1, 2)),
    Scene(countries=12, surveys=40, kind="ways"),
    Scene(countries=6, surveys=60, kind="ranks"),
    Scene(countries=12, surveys=80, kind="differences"),
    Scene(countries=12, surveys=10, kind="map"),
)


def measurements(scene: Scene, kept: Path | None) -> Measured:
    """Return what a scene's marts state, from a new build or from the folder of kept ones."""
    file = kept and kept / f"{scene.kind}-{scene.countries}-{scene.surveys}-{scene.seed}.pickle"
    if file and file.exists():
        found: Measured = pickle.loads(file.read_bytes())
        return found
    with tempfile.TemporaryDirectory(prefix="valuescope-calibration-") as folder:
        found = measured_scene(Home(Path(folder) / "home"), scene)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(found))
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    text = page([(scene, measurements(scene, folder)) for scene in SCENES])
    (CLONE / "docs" / "calibration.md").write_text(text, encoding="utf-8")
