import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))

Pins = dict[str, set[str]]


def entries(lock: Path) -> Iterator[str]:
    """Each requirement of a lock file with the hashes that belong to it."""
    yield from re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())


def pins(name: str) -> Pins:
    """Package name -> locked versions (more than one where Python versions differ)."""
    found: Pins = {}
    for entry in entries(ROOT / "requirements" / f"{name}.lock"):
        package, version = re.match(r"(\S+)==(\S+)", entry).groups()  # type: ignore[union-attr]
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def assert_locked(requirements: list[str], locked: Pins) -> None:
    for requirement in map(Requirement, requirements):
        versions = locked.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement} is not locked; make lock"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_locked_package_has_hashes(lock: Path) -> None:
    for entry in entries(lock):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_locks_name_no_address_and_no_index(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=)", text, flags=re.MULTILINE)


def test_dependencies_are_locked_within_their_ranges(project: dict[str, Any]) -> None:
    assert_locked(project["project"]["dependencies"], pins("run"))


def test_extras_and_development_tools_are_locked_within_their_ranges(
    project: dict[str, Any],
) -> None:
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    for requirements in (extras["hub"], extras["ray"], groups["dev"]):
        assert_locked(requirements, pins("dev"))
    assert_locked(extras["score"], pins("run") | pins("engine"))
    assert extras["demo"] == ["valuescope[score]", *groups["demo"]]


@pytest.mark.parametrize("name", ["engine", "engine-build", "demo", "test-models"])
def test_groups_are_locked_on_their_own(project: dict[str, Any], name: str) -> None:
    assert_locked(project["dependency-groups"][name], pins(name))


def test_development_installs_the_versions_that_users_get() -> None:
    run, dev = pins("run"), pins("dev")
    assert run.items() <= dev.items()


def test_the_engine_is_locked_to_its_source_archive_alone() -> None:
    (entry,) = entries(ROOT / "requirements" / "engine.lock")
    assert entry.count("--hash=") == 1
