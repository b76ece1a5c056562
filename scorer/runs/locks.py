"""Locks beside the landing zone, which keep two processes from scoring the same cells.

A whole run of a model and design keeps everybody else out. Parts of a study let other parts in,
but not the same part twice. All locks are the system's own (flock) and end with their process.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home, not_writable


class DesignLock:
    """The lock of one model and design that this process holds."""

    def __init__(self, descriptor: int, is_exclusive: bool) -> None:
        self._descriptor, self.is_exclusive = descriptor, is_exclusive

    def is_alone(self) -> bool:
        """Return whether no other process scores the model and design; then none can begin to.

        A holder of a shared lock may ask this only at the end: after a no it holds no lock.
        """
        return self.is_exclusive or _try_lock(self._descriptor, fcntl.LOCK_EX)


@contextmanager
def whole_run(
    home: Home, name: str, model_id: str, prompt_id: str, on_notice: Callable[[str], None]
) -> Iterator[DesignLock]:
    """Keep all others from scoring the same cells; report the model's runs in other designs.

    Raises ValuescopeError when another process scores the model and design.
    """
    with (
        _lock_file(home, f"{model_id[:16]}-{prompt_id}") as own,
        _lock_file(home, model_id[:16]) as shared,
    ):
        if not _try_lock(own, fcntl.LOCK_EX):
            raise ValuescopeError(
                f"Another process is scoring {name} with prompt {prompt_id}. Wait for it to "
                "end; `valuescope status` shows how far it is."
            )
        if not _try_lock(shared, fcntl.LOCK_EX):
            on_notice(
                f"Another process is scoring {name} in another design. Both are safe, but share "
                "the processor."
            )
        fcntl.flock(shared, fcntl.LOCK_SH)
        yield DesignLock(own, is_exclusive=True)


@contextmanager
def part_of_run(
    home: Home,
    name: str,
    model_id: str,
    prompt_id: str,
    part: str,
    on_notice: Callable[[str], None],
) -> Iterator[DesignLock]:
    """Let in other parts of the model and design, but wait for a whole run and for the same part.

    After waiting, cells may be done already; only the others are scored.
    """
    with (
        _lock_file(home, f"{model_id[:16]}-{prompt_id}") as design,
        _lock_file(home, f"{model_id[:16]}-{prompt_id}-{part}") as own,
    ):
        for descriptor, kind in ((design, fcntl.LOCK_SH), (own, fcntl.LOCK_EX)):
            if not _try_lock(descriptor, kind):
                on_notice(
                    f"Waiting for another process that is scoring the same cells of {name} with "
                    f"prompt {prompt_id}; what it leaves is scored afterwards."
                )
                fcntl.flock(descriptor, kind)
        yield DesignLock(design, is_exclusive=False)


@contextmanager
def _lock_file(home: Home, name: str) -> Iterator[int]:
    """Open a lock. Raises ValuescopeError for a home that cannot be written to."""
    path = home.path / "landing" / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise not_writable(home, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
        raise ValuescopeError(
            f"The file system of VALUESCOPE_HOME has no locks ({error.strerror}). Score into a "
            "folder of this machine's own and bring the answers together with `valuescope land` "
            "(docs/cluster.md)."
        ) from error
    return True
