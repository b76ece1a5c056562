"""Turn what a damaged or hostile file makes a library raise into an error that names the file."""

import errno
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DAMAGED = "the file is damaged or was cut off. Download or export it again; nothing was loaded."


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise ValuescopeError, naming `path`, for whatever reading it raises."""
    try:
        yield
    except (ValuescopeError, NameError):
        # A name that is missing is a fault of ours, never of the file.
        raise
    except Exception as error:
        raise ValuescopeError(_message(path, error)) from error
    except BaseException as error:
        # Rust's panics are not an `Exception`, so that no handler catches them by accident.
        if type(error).__name__ != "PanicException":
            raise
        raise ValuescopeError(_message(path, error)) from error


def _message(path: Path, error: BaseException) -> str:
    text = str(error).strip()
    first = text.splitlines()[0].rstrip(".") if text else type(error).__name__
    if (isinstance(error, OSError) and error.errno in _NO_ROOM) or "No space left" in text:
        return (
            f"There is no room in {tempfile.gettempdir()} to unpack or convert {path}. Make room "
            "there, or set TMPDIR to a folder on another disk, and repeat."
        )
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException):
        return (
            f"{path} needs more memory than there is ({first}). Close other programs and repeat, "
            "or load its CSV edition."
        )
    if isinstance(error, PermissionError):
        return f"Cannot read {path}: {error.strerror}. Fix its permissions and repeat."
    if "CSV Error" in text:
        line = re.search(r"CSV Error on Line: (\d+)", text)
        where = f"Line {line.group(1)} of {path}" if line else str(path)
        return f"{where} {_row_fault(text)}: {_DAMAGED}"
    return f"{path} cannot be read ({first}): {_DAMAGED}"


def _row_fault(complaint: str) -> str:
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", complaint)
    if counts:
        columns, values = map(int, counts.groups())
        return f"has {counted(values, 'value')} where the header has {counted(columns, 'column')}"
    if "unterminated quote" in complaint:
        return "has a quote that is never closed"
    return f"cannot be read ({complaint.splitlines()[0]})"
