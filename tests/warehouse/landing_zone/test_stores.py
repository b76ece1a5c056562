"""Addresses of shared stores: what they may name, and that credentials are never repeated."""

from pathlib import Path, PurePosixPath

import pytest

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.landing_zone.stores import open_store


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_folder_is_a_place_however_it_is_named(tmp_path: Path, form: str) -> None:
    store = open_store(form.format(tmp_path / "shared"))

    store.write(PurePosixPath("schema=1/runs/a.parquet"), b"content")

    assert store.read(PurePosixPath("schema=1/runs/a.parquet")) == b"content"
    assert store.folders() == ("schema=1",)
    assert [(str(file.path), file.size) for file in store.files("schema=1/runs")] == [
        ("schema=1/runs/a.parquet", 7)
    ]
    assert list((tmp_path / "shared" / "schema=1" / "runs").iterdir()) == [
        tmp_path / "shared" / "schema=1" / "runs" / "a.parquet"
    ]


def test_a_place_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "nowhere"))

    assert store.folders() == ()
    assert store.files("schema=1/runs") == ()


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIAKEY:hush@bucket/path",
        "s3://AKIAKEY@bucket/path",
        "gs://anonymous:hush@bucket/path",
        "file://me:hush@host/path",
        "s3://bucket/path?access_key=hush",
        "s3://bucket/path?endpoint_override=me:hush@host",
        "s3://bucket/path?region=here&session_token=hush",
    ],
)
def test_an_address_with_credentials_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValuescopeError, match="Credentials come from the environment only") as no:
        open_store(address)

    assert "hush" not in str(no.value)
    assert "AKIAKEY" not in str(no.value)


@pytest.mark.parametrize("address", ["ftp://host/path", "abfs://me:hush@host/path", "://x"])
def test_an_unknown_kind_of_address_names_the_known_ones(address: str) -> None:
    with pytest.raises(ValuescopeError, match=r"one of file://, s3://, gs://") as no:
        open_store(address)

    assert "hush" not in str(no.value)


@pytest.mark.parametrize("address", ["s3://", "file://relative/path", "s3:///path"])
def test_an_address_that_names_no_place_says_how_to_write_one(address: str) -> None:
    with pytest.raises(ValuescopeError, match=r"Write it like"):
        open_store(address)


def test_an_empty_address_is_named() -> None:
    with pytest.raises(ValuescopeError, match="address of the shared landing zone is empty"):
        open_store(" ")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ValuescopeError, match=r"Cannot write .*file/shared/a: Not a directory"):
        open_store(str(tmp_path / "file" / "shared")).write(PurePosixPath("a"), b"")
