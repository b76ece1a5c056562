from pathlib import Path

import pytest

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, current_home


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


def test_a_shared_warehouse_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VALUESCOPE_LAKE", " host=db dbname=values user=ann ")

    assert current_home().warehouse == "the lake host=db dbname=values user=ann"

    monkeypatch.setenv("VALUESCOPE_LAKE", "")
    assert current_home().warehouse == str(CLONE / "warehouse" / "valuescope.duckdb")


@pytest.mark.parametrize(
    "address",
    ["host=db password=hush", "host=db PassWord = 'hush'", "postgresql://ann:hush@db/values"],
)
def test_an_address_with_a_password_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("VALUESCOPE_LAKE", address)

    with pytest.raises(ValuescopeError, match="VALUESCOPE_LAKE holds a password") as refusal:
        current_home()
    assert "hush" not in str(refusal.value)


def test_an_address_without_a_password_may_be_a_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VALUESCOPE_LAKE", "postgresql://ann@db:5432/values")

    assert current_home().lake == "postgresql://ann@db:5432/values"
