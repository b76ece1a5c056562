"""Shared stores: folders and object stores that shards are sent to and downloaded from.

The environment decides who may read and write there: an address holds no credentials,
and none are written anywhere.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, urlsplit

from pyarrow import ArrowException
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.landing_zone.shards import write_bytes

# Names the shared store that scoring sends to and landing downloads from.
LANDING_VARIABLE = "VALUESCOPE_LANDING"
_SCHEMES = ("file", "s3", "gs")
# What an address may set; everything else is for the environment.
_SETTINGS = ("region", "endpoint_override", "scheme")
# By default, Google's client tries for a quarter of an hour.
_GOOGLE_PATIENCE = "retry_limit_seconds=60"
_CREDENTIALS = (
    "Credentials come from the environment only: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or "
    "AWS_PROFILE for s3://, GOOGLE_APPLICATION_CREDENTIALS for gs://."
)


@dataclass(frozen=True)
class StoredFile:
    """A file in a store: its path below the store's root, and its size in bytes."""

    path: PurePosixPath
    size: int


@dataclass(frozen=True)
class SharedStore:
    """A folder or a part of a bucket; `address` is how the user named it."""

    address: str
    filesystem: FileSystem
    root: str

    def folders(self) -> tuple[str, ...]:
        """Return the names of the folders right below the root; none if there is no root."""
        found = self._list("")
        return tuple(sorted(info.base_name for info in found if info.type == FileType.Directory))

    def files(self, folder: str) -> tuple[StoredFile, ...]:
        """Return the files of a folder in order; none where the folder does not exist."""
        found = (info for info in self._list(folder) if info.type == FileType.File)
        return tuple(
            StoredFile(PurePosixPath(folder, info.base_name), info.size)
            for info in sorted(found, key=lambda info: info.base_name)
        )

    def read(self, path: PurePosixPath) -> bytes:
        """Return the content of a file. Raises ValuescopeError where it cannot be read."""
        try:
            with self.filesystem.open_input_stream(self._at(str(path))) as stream:
                return bytes(stream.read())
        except (OSError, ArrowException) as error:
            raise self._refusal("read", str(path), error) from error

    def write(self, path: PurePosixPath, content: bytes) -> None:
        """Write a file, whole or not at all. Raises ValuescopeError where that is not allowed."""
        if isinstance(self.filesystem, LocalFileSystem):
            write_bytes(Path(self._at(str(path))), content)
            return
        try:
            # Object stores show a file once all of it is there.
            with self.filesystem.open_output_stream(self._at(str(path))) as stream:
                stream.write(content)
        except (OSError, ArrowException) as error:
            raise self._refusal("write", str(path), error) from error

    def _list(self, folder: str) -> list[FileInfo]:
        try:
            selector = FileSelector(self._at(folder), allow_not_found=True)
            return list(self.filesystem.get_file_info(selector))
        except (OSError, ArrowException) as error:
            raise self._refusal("list", folder, error) from error

    def _at(self, path: str) -> str:
        return f"{self.root.rstrip('/')}/{path}".rstrip("/")

    def _refusal(self, verb: str, path: str, error: Exception) -> ValuescopeError:
        reason = str(error).splitlines()[0].rstrip(".")
        return ValuescopeError(
            f"Cannot {verb} {path or 'the files'} at {self.address}: {reason}. Check the address, "
            f"and that you may {'write' if verb == 'write' else 'read'} there. {_CREDENTIALS}"
        )


def open_store(address: str) -> SharedStore:
    """Return the store that `address` names: a folder, or file://, s3:// or gs:// with a path.

    Nothing is looked at yet. Raises ValuescopeError for another scheme, and, without repeating
    them, for an address with credentials in it.
    """
    if "://" not in address:
        if not address.strip():
            raise ValuescopeError(
                "The address of the shared landing zone is empty. Name a folder, or s3://bucket/path."
            )
        path = Path(address).expanduser().resolve()
        return SharedStore(str(path), LocalFileSystem(), path.as_posix())
    scheme = address.partition("://")[0]
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) or scheme not in _SCHEMES:
        known = ", ".join(f"{name}://" for name in _SCHEMES)
        raise unknown_name(
            "kind of address", f"{scheme}://", [], f"Name a folder, or one of {known}."
        )
    parts = urlsplit(address)
    _refuse_credentials(scheme, parts.netloc, parts.query)
    patient = f"{'&' if parts.query else '?'}{_GOOGLE_PATIENCE}" if scheme == "gs" else ""
    try:
        if scheme != "file" and not parts.netloc:
            raise ValueError("it names no bucket")
        filesystem, root = FileSystem.from_uri(address + patient)
    except (ValueError, OSError) as error:
        raise ValuescopeError(
            f"The address {address} cannot be used: {str(error).splitlines()[0]}. Write it like "
            "file:///folder, s3://bucket/path or gs://bucket/path."
        ) from error
    return SharedStore(address, filesystem, root)


def _refuse_credentials(scheme: str, netloc: str, query: str) -> None:
    settings = parse_qsl(query, keep_blank_values=True)
    unknown = [name for name, _ in settings if name not in _SETTINGS]
    if "@" in netloc or unknown or any("@" in value for _, value in settings):
        raise ValuescopeError(
            f"The {scheme}:// address holds a user name, a password or a setting that it may not "
            f"hold (it may set {', '.join(_SETTINGS)}); it is not repeated here. {_CREDENTIALS}"
        )
