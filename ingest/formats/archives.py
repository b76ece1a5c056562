"""ZIP archives and compressed files that survey files come in."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa

from valuescope.warehouse.errors import ValuescopeError

_COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
DATA_SUFFIXES = frozenset(
    {
        *(".csv", ".tsv", ".txt", ".sav", ".zsav", ".por", ".dta", ".xlsx", ".xls", ".ods"),
        *(".parquet", ".feather", ".arrow", ".json", ".jsonl", ".ndjson"),
        *_COMPRESSED_SUFFIXES,
        # Not read, but then it is said how to convert them.
        *(".rds", ".rdata", ".rda", ".sas7bdat"),
    }
)
# Far beyond the largest survey file, and little enough for a laptop's disk.
LARGEST_FILE = 16 << 30
_CHUNK = 1 << 20
_COMPRESSIONS: Mapping[bytes, tuple[str, Callable[[Path], Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ\0": ("xz", lzma.open),
    b"\x28\xb5\x2f\xfd": ("zstd", lambda file: pa.CompressedInputStream(str(file), "zstd")),
}


def is_compressed(head: bytes) -> bool:
    """Return whether a file that begins with `head` is compressed, and no archive."""
    return head.startswith(tuple(_COMPRESSIONS))


def _compression(head: bytes) -> tuple[str, Callable[[Path], Any]]:
    return next(how for start, how in _COMPRESSIONS.items() if head.startswith(start))


def decompress(path: Path, file: Path, head: bytes, work: Path) -> Path:
    """Decompress the file of `path` that begins with `head` into `work`.

    Raises ValuescopeError when it is too large.
    """
    name, opened = _compression(head)
    # `file.csv.gz` is `file.csv`; in a folder of its own, since it may be called what `file` is.
    target = work / name / (file.stem if file.suffix.lower() in _COMPRESSED_SUFFIXES else file.name)
    target.parent.mkdir()
    with opened(file) as packed, target.open("wb") as unpacked:
        _copy(path, packed, unpacked)
    return target


def unpack(path: Path, member: str | None, work: Path) -> Path:
    """Unpack the one data file of an archive, or the one called `member`, into `work`.

    Raises ValuescopeError when there is none or several, or it is too large or encrypted.
    """
    with zipfile.ZipFile(path) as archive:
        entry = _choose(path, archive.infolist(), member)
        # Only the last part of the name, so that nothing is written outside `work`.
        target = work / PurePosixPath(entry.filename).name
        with archive.open(entry) as packed, target.open("wb") as unpacked:
            _copy(path, packed, unpacked)
    return target


def beginning(path: Path, head: bytes, member: str | None, length: int) -> bytes:
    """Return the first bytes of a file that begins with `head`, or of what is packed in it."""
    if head.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            entry = _choose(path, archive.infolist(), member)
            with archive.open(entry) as packed:
                return packed.read(length)
    if is_compressed(head):
        with _compression(head)[1](path) as packed:
            return bytes(packed.read(length))
    return head[:length]


def names(path: Path) -> tuple[str, ...]:
    """Return the names in an archive."""
    with zipfile.ZipFile(path) as archive:
        return tuple(e.filename for e in archive.infolist() if e.filename and not e.is_dir())


def unpack_all(path: Path, work: Path) -> Path:
    """Unpack the tables of an archive side by side into a folder of `work` and return it."""
    folder = work / path.stem
    folder.mkdir()
    for name in names(path):
        if PurePosixPath(name).suffix.lower() in DATA_SUFFIXES | {".toml"}:
            unpack(path, name, folder)
    return folder


def _copy(path: Path, packed: IO[bytes], unpacked: IO[bytes]) -> None:
    written = 0
    while block := packed.read(_CHUNK):
        written += len(block)
        if written > LARGEST_FILE:
            raise _too_large(str(path))
        unpacked.write(block)


def _too_large(what: str) -> ValuescopeError:
    return ValuescopeError(
        f"{what} unpacks to more than the limit of {LARGEST_FILE >> 30} GiB. Unpack it yourself "
        "and load the file inside if it is right."
    )


def _choose(path: Path, entries: list[zipfile.ZipInfo], member: str | None) -> zipfile.ZipInfo:
    """Return the entry of an archive to read.

    Raises ValuescopeError when there is none or several, or it is too large or encrypted.
    """
    entry = _named(path, entries, member)
    if entry.flag_bits & 1:
        raise ValuescopeError(
            f"{path}: {entry.filename} is protected by a password. Unpack it with the password "
            "and load the file inside."
        )
    if entry.file_size > LARGEST_FILE:
        raise _too_large(f"{path}: {entry.filename}")
    return entry


def _named(path: Path, entries: list[zipfile.ZipInfo], member: str | None) -> zipfile.ZipInfo:
    files = [entry for entry in entries if entry.filename and not entry.is_dir()]
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
