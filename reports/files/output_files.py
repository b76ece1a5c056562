"""Writing what a command made, without destroying what is there."""

from collections.abc import Iterable
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.unfinished import replaced_file


def write_output(path: Path, content: bytes, overwrite: bool) -> None:
    """Write `content` to `path`, whole or not at all.

    Raises ValuescopeError when that fails, or when `path` exists and `overwrite` is not meant.
    """
    if path.exists() and not overwrite:
        raise ValuescopeError(f"{path} exists. --overwrite replaces it; --output names another.")
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device.
            path.write_bytes(content)
        else:
            with replaced_file(path.resolve()) as file:
                file.write(content)
    except OSError as error:
        raise ValuescopeError(
            f"Cannot write {path}: {error.strerror}. Name a file in a folder that exists and that "
            "you may write to."
        ) from error


def write_outputs(
    folder: Path, contents: Iterable[tuple[str, bytes]], overwrite: bool
) -> tuple[Path, ...]:
    """Write a file for each name and content into `folder`, which is created; return the files.

    Raises ValuescopeError when that fails, or when a file exists and `overwrite` is not meant.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValuescopeError(
            f"Cannot make the folder {folder}: {error.strerror}. Name another by --output."
        ) from error
    written = []
    for name, content in contents:
        write_output(folder / name, content, overwrite)
        written.append(folder / name)
    return tuple(written)
