import re
import shutil
import tomllib
from pathlib import Path

import pytest

from valuescope.warehouse import version
from valuescope.warehouse.home import CLONE
from valuescope.warehouse.version import (
    project_commit,
    project_version,
    scoring_code_fingerprint,
)


def test_the_version_is_the_one_that_the_package_is_built_with() -> None:
    declared = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]["version"]

    assert project_version() == declared
    assert re.fullmatch(r"\d+\.\d+\.\d+", project_version())
    for name in ("CITATION.cff", "dbt_project/dbt_project.yml"):
        text = (CLONE / name).read_text(encoding="utf-8")
        assert f"version: {declared}" in text.splitlines()


def test_git_is_asked_in_a_clone_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "IS_CLONE", False)
    monkeypatch.setattr(version, "subprocess", None)
    assert project_commit() is None


def test_the_fingerprint_changes_with_the_code_that_scores_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("scorer", "warehouse"):
        shutil.copytree(
            CLONE / folder,
            tmp_path / folder,
            ignore=lambda folder, _: {"home"} if Path(folder).name == "warehouse" else set(),
        )
    seeds = tmp_path / "dbt_project" / "seeds"
    seeds.mkdir(parents=True)
    (seeds / "models.csv").write_text("model_name\n", encoding="utf-8")
    monkeypatch.setattr(version, "ROOMS", tmp_path)
    monkeypatch.setattr(version, "SEEDS", seeds)
    fingerprint = scoring_code_fingerprint.__wrapped__
    before = fingerprint()
    assert re.fullmatch(r"[0-9a-f]{12}", before)
    compiled = tmp_path / "warehouse" / "home" / "dbt" / "target" / "model.py"
    compiled.parent.mkdir(parents=True)
    compiled.write_text("compiled by dbt\n", encoding="utf-8")
    assert fingerprint() == before
    with (tmp_path / "warehouse" / "replication" / "packing.py").open("a") as file:
        file.write("# changed\n")
    assert fingerprint() != before
