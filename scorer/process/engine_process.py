"""A process of its own for the engine, so that its end is an error here and not the end of all.

llama.cpp aborts on some files, the system kills for want of memory, an engine of another processor
dies of an illegal instruction. The process that lands answers starts one process for each model and
asks it for one thing after the other. The two speak in pickled tuples over a pair of sockets:

- asked: `(method, arguments, settings)`, or while a method yields, `_MORE` or `_ENOUGH`;
- answered: `(kind, value)`, with progress (`_REPORT`) at any time before the answer itself.

One item is computed ahead while the one before it is landed. When the asking process is gone, its
end of a pipe closes and the engine's process ends too, whatever it does at the moment.
"""

import contextlib
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from valuescope.scorer.engine.closing import Closing
from valuescope.scorer.engine.installation import engine_libraries, import_path, require_engine
from valuescope.scorer.trial.records import require_tried_engine
from valuescope.warehouse.errors import ValuescopeError

_MORE, _ENOUGH = "more", "enough"
_VALUE, _STREAM, _ITEM, _END, _ERROR, _REPORT = "value", "stream", "item", "end", "error", "report"
# A batch of a 70B model takes minutes on two busy processors; nothing takes an hour.
SECONDS_OF_PATIENCE = 3600.0
_SHOWN_LINES = 8
# Signals that a terminal or a batch system sends to all processes of a command: the asking one
# decides what becomes of the engine.
_LEFT_TO_THE_OTHER = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MEANINGS = {
    signal.SIGILL: "compiled for another processor, or wrongly: `valuescope doctor` tries it",
    signal.SIGKILL: "by the system, when memory ran out, or by a person",
    signal.SIGABRT: "llama.cpp gave up",
}


_BY_ENGINE = (signal.SIGABRT, signal.SIGSEGV, signal.SIGFPE, signal.SIGBUS)


class EngineError(ValuescopeError):
    """The engine's process ended, or had to be ended, before it answered.

    `by_engine` is true if llama.cpp ended it itself: it gave up, or crashed.
    """

    by_engine = False


class EngineProcess(Closing):
    """A `Replica` in a process of its own. Use as a context manager."""

    def __init__(
        self,
        name: str,
        *,
        verbose: bool = False,
        on_report: Callable[[int], None] = lambda in_hand: None,
        on_notice: Callable[[str], None] = lambda notice: None,
        patience: float = SECONDS_OF_PATIENCE,
    ) -> None:
        """Start it. `name` is what messages call the model; `verbose` shows llama.cpp's own log.

        `on_report` gets the progress that a method reports. Without any sign of life for `patience`
        seconds the process is ended; `on_notice` reports the silence long before. Raises
        ValuescopeError where there is no engine that computes right numbers here.
        """
        require_tried_engine(lambda: on_notice("Trying the engine, once on this machine."))
        self._name, self._patience = name, patience
        self.on_report, self._on_notice = on_report, on_notice
        self._lines: deque[str] = deque(maxlen=_SHOWN_LINES)
        self._is_streaming = False
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "valuescope.scorer.process.engine_process"),
                    *(str(theirs.fileno()), str(lifeline)),
                ],
                pass_fds=(theirs.fileno(), lifeline),
                stdin=subprocess.DEVNULL,
                stdout=2 if verbose else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_environment(),
            )
        except BaseException:
            ours.close()
            os.close(self._lifeline)
            raise
        finally:
            theirs.close()
            os.close(lifeline)
        self._connection = Connection(ours.detach())
        self._listener = threading.Thread(target=self._listen, args=(verbose,), daemon=True)
        self._listener.start()

    @property
    def is_over(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    @property
    def process_id(self) -> int:
        """Return the system's number of the process."""
        return self._process.pid

    def call(self, method: str, *arguments: Any, **settings: Any) -> Any:
        """Return what a method of the replica returns, or raise what it raises.

        Raises EngineError when the process ends first.
        """
        assert not self._is_streaming, "asked while it still answers"
        self._send((method, arguments, settings))
        return self._receive()[1]

    def stream(self, method: str, *arguments: Any, **settings: Any) -> Generator[Any, None, None]:
        """Yield what a method of the replica yields, or raise what it raises.

        Raises EngineError when the process ends first.
        """
        self.call(method, *arguments, **settings)
        self._is_streaming = True
        try:
            self._send(_MORE)
            while self._is_streaming:
                kind, value = self._receive()
                if kind == _END:
                    self._is_streaming = False
                else:
                    # The next one is computed while this one is landed.
                    self._send(_MORE)
                    yield value
        finally:
            if self._is_streaming:
                self._leave_stream()

    def close(self) -> None:
        """End the process, whatever it does."""
        self._is_streaming = False
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._listener.join()
        self._connection.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _leave_stream(self) -> None:
        """Have the method stop after the item in hand, so that the next call is understood."""
        with contextlib.suppress(ValuescopeError):
            if not self.is_over and self._receive()[0] == _ITEM:
                self._send(_ENOUGH)
                self._receive()
        self._is_streaming = False

    def _send(self, message: object) -> None:
        try:
            self._connection.send(message)
        except OSError as error:
            raise self._failure() from error

    def _receive(self) -> tuple[str, Any]:
        """Return the next answer. An interrupted wait ends the process, half asked as it is."""
        try:
            while True:
                self._wait()
                kind, value = self._connection.recv()
                if kind != _REPORT:
                    break
                self.on_report(value)
        except (EOFError, ConnectionError) as error:
            raise self._failure() from error
        except BaseException:
            self.close()
            raise
        if kind == _ERROR:
            self._is_streaming = False
            raise value
        return kind, value

    def _wait(self) -> None:
        """Wait for a message. Raises EngineError when none comes for too long."""
        started, is_reported = time.monotonic(), False
        while not self._connection.poll(min(1.0, self._patience / 6)):
            silent = time.monotonic() - started
            if silent >= self._patience:
                self.close()
                raise EngineError(
                    f"{self._name} gave no sign of life for {_duration(silent)}, so its process "
                    "was ended. What has landed is kept; repeat the command to go on."
                    + self._last_lines()
                )
            if silent >= self._patience / 6 and not is_reported:
                is_reported = True
                self._on_notice(
                    f"{self._name} has given no sign of life for {_duration(silent)}; its process "
                    f"is ended when that lasts {_duration(self._patience)}."
                )

    def _failure(self) -> EngineError:
        """Return what to say of a process that ended before it answered."""
        code = self._process.wait()
        self._listener.join()
        if code < 0:
            found = signal.Signals(-code)
            meaning = f" ({_MEANINGS[found]})" if found in _MEANINGS else ""
            how = f"was ended by {found.name}{meaning}"
        else:
            how = f"ended with exit code {code}"
        failure = EngineError(
            f"The process that computes {self._name} {how}. What has landed is kept; repeat the "
            "command to go on, and try a smaller model where memory is short." + self._last_lines()
        )
        failure.by_engine = -code in _BY_ENGINE
        return failure

    def _last_lines(self) -> str:
        if not self._lines:
            return ""
        return "\nThe engine's last lines:\n  " + "\n  ".join(self._lines)

    def _listen(self, verbose: bool) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if verbose:
                os.write(2, line)
            text = line.decode(errors="replace").rstrip()
            if text.strip(" ."):
                self._lines.append(text)
        self._process.stderr.close()


def has_other_backends() -> bool:
    """Return whether llama.cpp has libraries beside those that compute on the processor.

    Nothing is loaded. Raises ValuescopeError as `require_engine` does.
    """
    require_engine()
    return any(not re.match(r"(lib)?ggml-(base|cpu|blas)", name) for name in engine_libraries())


def _environment() -> dict[str, str]:
    """Return what the process needs to find this code and to die at once when llama.cpp aborts."""
    # A debugger would draw where it was, which takes a minute and says nothing to a user.
    return {"GGML_NO_BACKTRACE": "1"} | os.environ | {"PYTHONPATH": import_path()}


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.1f} seconds"


def serve(connection: Connection, lifeline: int) -> None:
    """Answer requests over `connection` until it is closed."""
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    # Where memory runs out, the engine is to be ended rather than what the user does beside it.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    for number in _LEFT_TO_THE_OTHER:
        signal.signal(number, signal.SIG_IGN)
    # Only here, where the engine may end the process.
    try:
        from valuescope.scorer.engine.log import show_log
        from valuescope.scorer.process.replica import Replica
    except ValuescopeError as error:  # an engine that cannot be loaded: the first request gets it
        connection.recv()
        connection.send((_ERROR, error))
        return

    show_log()
    replica = Replica(lambda in_hand: connection.send((_REPORT, in_hand)))
    while True:
        try:
            method, arguments, settings = connection.recv()
        except EOFError:
            return
        try:
            result = getattr(replica, method)(*arguments, **settings)
            if isinstance(result, Generator):
                connection.send((_STREAM, None))
                _serve_stream(connection, result)
            else:
                connection.send((_VALUE, result))
        except Exception as error:  # whatever it is, it is raised where it was asked for
            connection.send((_ERROR, _sendable(error)))


def _serve_stream(connection: Connection, items: Generator[Any, None, None]) -> None:
    with contextlib.closing(items):
        while connection.recv() == _MORE:
            try:
                item = next(items)
            except StopIteration:
                break
            connection.send((_ITEM, item))
    connection.send((_END, None))


def _sendable(error: Exception) -> Exception:
    """Return `error` with its traceback as a note, or one that says the same where it cannot go."""
    if not isinstance(error, ValuescopeError):
        error.add_note("In the engine's process:\n" + traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # many libraries' own exceptions do not survive
        return RuntimeError("In the engine's process:\n" + traceback.format_exc())
    return error


def _end_with(lifeline: int) -> None:
    """End this process when the other end of the pipe is closed."""
    os.read(lifeline, 1)
    os._exit(1)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
