from pathlib import Path

import pytest

from warehouse.home import CLONE, current_home


def test_without_a_setting_home_is_the_clones_warehouse_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VALUESCOPE_HOME", raising=False)

    assert current_home().path == CLONE / "warehouse"


def test_an_empty_setting_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VALUESCOPE_HOME", "")

    assert current_home().path == CLONE / "warehouse"


def test_database_landing_zone_models_and_wordings_move_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUESCOPE_HOME", str(tmp_path / "study"))

    home = current_home()

    assert home.database == tmp_path / "study" / "valuescope.duckdb"
    assert home.landing == tmp_path / "study" / "landing" / "schema=1"
    assert home.models == tmp_path / "study" / "models"
    assert home.wordings == tmp_path / "study" / "instrument" / "wordings"


def test_a_relative_home_is_that_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VALUESCOPE_HOME", "study")

    assert current_home().path == tmp_path.resolve() / "study"


def test_a_tilde_is_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VALUESCOPE_HOME", "~/study")

    assert current_home().path == tmp_path.resolve() / "study"
