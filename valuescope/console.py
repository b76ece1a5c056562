"""The two streams: data on stdout, progress and messages on stderr."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Event, Thread
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from valuescope.warehouse.errors import ValuescopeError

# A pipe has no width of its own: nothing is folded, so that a row is a line for what reads it.
_PIPE_WIDTH = 100_000
# How often a log hears of progress.
SECONDS_BETWEEN_LINES = 60.0
# What the other columns of a progress bar leave of 80.
_NAME_WIDTH = 28


def out() -> Console:
    """Return the console for data."""
    return _plain_console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def err() -> Console:
    """Return the console for progress and messages."""
    return _plain_console(stderr=True, soft_wrap=True)


def say(message: str) -> None:
    """Print one message to stderr, as it is."""
    err().print(message)


def can_ask() -> bool:
    """Return whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(lines: Iterable[str], question: str, declined: str) -> None:
    """Show `lines` and ask `question`. Raises ValuescopeError with `declined` for a no."""
    for line in lines:
        say(line)
    if not click.confirm(question, err=True):
        raise ValuescopeError(declined)


def _plain_console(**settings: Any) -> Console:
    """Return a console without markup: `[/a]` is not a style, `:x:` is not an emoji.

    With NO_COLOR set it writes no escape sequence at all, bold type included.
    """
    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        **settings,
    )


class _Rate(ProgressColumn):
    """Steps a second, once there are any."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} cells/s" if task.speed else "")


@contextmanager
def cell_progress() -> Iterator[Progress]:
    """Show a progress bar with rate and time left, on stderr; nothing if it is not a terminal.

    It fits 80 columns: a long name is cut.
    """
    console = err()
    name = Column(no_wrap=True, overflow="ellipsis", max_width=_NAME_WIDTH)
    with Progress(
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(bar_width=8),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        yield progress


@contextmanager
def step_progress(description: str) -> Iterator[Progress]:
    """Show a spinner for a step of unknown length, on stderr.

    Where stderr is not a terminal, a line a minute says that it goes on.
    """
    console = err()
    with (
        nullcontext() if console.is_terminal else _line_a_minute(description),
        Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as progress,
    ):
        progress.add_task(description, total=None)
        yield progress


@contextmanager
def _line_a_minute(description: str) -> Iterator[None]:
    ended = Event()

    def report() -> None:
        minutes = 1
        while not ended.wait(SECONDS_BETWEEN_LINES):
            say(f"{description}: {minutes} min so far")
            minutes += 1

    thread = Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
