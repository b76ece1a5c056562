"""The errors of the project."""

import difflib
from collections.abc import Iterable


class ValuescopeError(Exception):
    """A problem the user can act on.

    The message names the thing, the value that was found and what to do next.
    The command line prints it without a traceback and exits with 1.
    """


class WrongUsageError(ValuescopeError):
    """Arguments that contradict each other. The command line exits with 2."""


def unknown_name(thing: str, value: str, known: Iterable[str], next_step: str) -> ValuescopeError:
    """Return the error for a name that does not exist, with the nearest names that do.

    >>> str(unknown_name("country", "JAP", ["JPN", "USA"], "See `valuescope status`."))
    "Unknown country 'JAP'; did you mean JPN? See `valuescope status`."
    """
    nearest = difflib.get_close_matches(value, list(known), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(nearest)}?" if nearest else "."
    return ValuescopeError(f"Unknown {thing} '{value}'{hint} {next_step}")
