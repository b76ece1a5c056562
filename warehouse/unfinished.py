"""Files and folders that are there whole or not at all, also when the command is killed.

What is not finished has a name of its own and is locked by the process that writes it. Any
command that finds one without a lock removes it: a killed command left it.
"""

import fcntl
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replaced_file(target: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes the place of `target` at the end of the block.

    Raises OSError where that cannot be written.
    """
    while True:
        # Not by process id: processes on several machines may share one, and the folder.
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        file = temporary.open("wb")
        if _is_held(file.fileno(), temporary):
            break
        file.close()
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
        _sync_folder(target.parent)
    except BaseException:
        # Cleaning up must not hide the error that made it necessary.
        with suppress(OSError):
            temporary.unlink()
        raise


def remove_unfinished_files(folder: Path) -> None:
    """Remove the files in `folder` that killed commands were writing."""
    for left in folder.glob(".*.tmp"):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


@contextmanager
def unfinished_folder(parent: Path, name: str) -> Iterator[Path]:
    """Give a new folder in `parent`, for this user alone, and remove it at the end of the block.

    It may be renamed meanwhile. Folders of the same `name` that killed commands left go too. Raises
    OSError where it cannot be made.
    """
    for left in parent.glob(f".{glob.escape(name)}.{'[0-9a-f]' * 32}"):
        _remove_if_nobodys(left)
    while True:
        folder = parent / f".{name}.{uuid.uuid4().hex}"
        folder.mkdir(mode=0o700)
        # Another command may take it for a leftover, and remove it, until it is locked.
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            if not parent.is_dir():
                raise
            continue
        if _is_held(descriptor, folder):
            break
        os.close(descriptor)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _is_held(descriptor: int, path: Path) -> bool:
    """Lock what is open, and return whether it has not been removed before that."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return path.exists()


def _remove_if_nobodys(folder: Path) -> None:
    # Others may have folders of the same name in a place for all users.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
