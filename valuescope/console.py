"""The two streams: data on stdout, progress and messages on stderr."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
from rich.text import Text

from valuescope.warehouse.errors import ValuescopeError

# A pipe has no width of its own: nothing is folded, so that a row is a line for what reads it.
_PIPE_WIDTH = 100_000


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
    """Show a progress bar with rate and time left, on stderr."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err(),
    ) as progress:
        yield progress


@contextmanager
def step_progress(description: str) -> Iterator[Progress]:
    """Show a spinner for a step of unknown length, on stderr; nothing if it is not a terminal."""
    console = err()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        progress.add_task(description, total=None)
        yield progress
