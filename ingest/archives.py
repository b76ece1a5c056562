"""ZIP archives that survey files come in."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from valuescope.warehouse.errors import ValuescopeError

DATA_SUFFIXES = frozenset(
    {".csv", ".tsv", ".txt", ".sav", ".zsav", ".dta", ".xlsx", ".xls", ".parquet"}
)
# Far beyond the largest survey file, and little enough for a laptop's disk.
LARGEST_FILE = 16 << 30
_CHUNK = 1 << 20


def unpack(path: Path, member: str | None, work: Path) -> Path:
    """Unpack the one data file of an archive, or the one called `member`, into `work`.

    Raises ValuescopeError when there is none or several, it is damaged, too large or encrypted.
    """
    with _opened(path) as archive:
        entry = _choose(path, archive.infolist(), member)
        if entry.flag_bits & 1:
            raise ValuescopeError(
                f"{path}: {entry.filename} is protected by a password. Unpack it with the "
                "password and load the file inside."
            )
        if entry.file_size > LARGEST_FILE:
            raise ValuescopeError(
                f"{path}: {entry.filename} unpacks to {entry.file_size / 2**30:.1f} GiB, over "
                f"the limit of {LARGEST_FILE >> 30} GiB. Unpack it yourself and load the file "
                "inside if it is right."
            )
        # Only the last part of the name, so that nothing is written outside `work`.
        target = work / PurePosixPath(entry.filename).name
        written = 0
        with archive.open(entry) as packed, target.open("wb") as unpacked:
            while block := packed.read(_CHUNK):
                written += len(block)
                if written > entry.file_size:
                    raise zipfile.BadZipFile("it is larger than it says")
                unpacked.write(block)
    return target


def names(path: Path) -> tuple[str, ...]:
    """The names in an archive. Raises ValuescopeError when it is damaged."""
    with _opened(path) as archive:
        return tuple(entry.filename for entry in archive.infolist() if not entry.is_dir())


def unpack_all(path: Path, work: Path) -> Path:
    """Unpack the tables of an archive side by side into a folder of `work` and return it."""
    folder = work / path.stem
    folder.mkdir()
    for name in names(path):
        if PurePosixPath(name).suffix.lower() in DATA_SUFFIXES | {".toml"}:
            unpack(path, name, folder)
    return folder


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, with whatever keeps it from being read as an error that names it."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
        raise ValuescopeError(
            f"{path} cannot be unpacked: {error}. It is damaged or was cut off; download it again."
        ) from error


def _choose(path: Path, entries: list[zipfile.ZipInfo], member: str | None) -> zipfile.ZipInfo:
    files = [entry for entry in entries if not entry.is_dir()]
    data = [
        entry
        for entry in files
        if PurePosixPath(entry.filename).suffix.lower() in DATA_SUFFIXES
        and "__MACOSX" not in entry.filename
    ]
    if member is not None:
        for entry in files:
            if member in (entry.filename, PurePosixPath(entry.filename).name):
                return entry
        raise ValuescopeError(
            f"{path} holds no file {member!r}, only {_listed(files)}. Name one of these with "
            "--member."
        )
    if len(data) > 1:
        raise ValuescopeError(
            f"{path} holds several data files: {_listed(data)}. Choose one with --member NAME."
        )
    if not data:
        raise ValuescopeError(
            f"{path} holds no survey file, only {_listed(files) or 'nothing'}. Download the "
            "survey's CSV, SPSS, Stata or Excel edition."
        )
    return data[0]


def _listed(entries: list[zipfile.ZipInfo]) -> str:
    return ", ".join(entry.filename for entry in entries)
