import os
import sys
from pathlib import Path

import pytest

from valuescope.warehouse import home
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, current_home, earlier_home


def use_clone(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let the clone be another folder: the real one may hold a study."""
    monkeypatch.setattr(home, "CLONE", path)


@pytest.mark.parametrize("setting", [None, "", " "])
def test_without_a_setting_home_is_a_folder_of_the_clone_that_git_ignores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str | None
) -> None:
    use_clone(monkeypatch, tmp_path)
    if setting is None:
        monkeypatch.delenv("VALUESCOPE_HOME", raising=False)
    else:
        monkeypatch.setenv("VALUESCOPE_HOME", setting)

    assert current_home().path == tmp_path / "warehouse" / "home"
    assert (CLONE / "warehouse" / "home" / ".gitignore").read_text().split("\n")[1] == "*"


@pytest.mark.parametrize("held", ["valuescope.duckdb", "landing"])
def test_a_clone_goes_on_using_the_home_of_an_earlier_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, held: str
) -> None:
    use_clone(monkeypatch, tmp_path)
    monkeypatch.delenv("VALUESCOPE_HOME", raising=False)
    (tmp_path / "warehouse" / held).mkdir(parents=True)
    (tmp_path / "warehouse" / "models").mkdir()

    assert current_home().path == tmp_path / "warehouse"
    assert earlier_home() == (held, "models")

    (tmp_path / "warehouse" / held).rmdir()
    assert current_home().path == tmp_path / "warehouse" / "home"


def test_an_installed_copy_has_its_home_and_its_cache_in_the_users_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("VALUESCOPE_HOME", "VALUESCOPE_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(home, "IS_CLONE", False)
    monkeypatch.setenv("HOME", str(tmp_path))

    monkeypatch.setattr(sys, "platform", "linux")
    assert current_home().path == tmp_path / ".local" / "share" / "valuescope"
    assert current_home().cache == tmp_path / ".cache" / "valuescope"

    monkeypatch.setattr(sys, "platform", "darwin")
    assert current_home().path == tmp_path / "Library" / "Application Support" / "valuescope"
    assert current_home().cache == tmp_path / "Library" / "Caches" / "valuescope"

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", "no/absolute/path")
    assert current_home().path == tmp_path / "data" / "valuescope"
    assert current_home().cache == tmp_path / "Library" / "Caches" / "valuescope"


def test_a_user_without_a_folder_names_a_home_which_then_holds_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("VALUESCOPE_HOME", "VALUESCOPE_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(home, "IS_CLONE", False)
    # A process in a container may have the number of a user whom the system does not know.
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)

    with pytest.raises(ValuescopeError, match=r"HOME is not set.*Set VALUESCOPE_HOME"):
        current_home()
    monkeypatch.setenv("VALUESCOPE_HOME", str(tmp_path))
    assert current_home().cache == tmp_path / "cache"


def test_a_setting_moves_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VALUESCOPE_CACHE", str(tmp_path / "big disk"))

    assert current_home().cache == tmp_path / "big disk"


def test_database_landing_zone_models_and_wordings_move_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUESCOPE_HOME", str(tmp_path / "study"))

    study = current_home()

    assert study.database == tmp_path / "study" / "valuescope.duckdb"
    assert study.landing == tmp_path / "study" / "landing" / "schema=1"
    assert study.models == tmp_path / "study" / "models"
    assert study.wordings == tmp_path / "study" / "instrument" / "wordings"


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
    assert current_home().warehouse == str(current_home().database)


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
