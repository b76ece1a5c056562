"""How a report writes values for people."""

import re
from decimal import Decimal
from typing import Any


def number(value: Any, digits: int) -> str:
    """Format a number for readers: two decimals without a leading zero, nothing for null.

    A small number that more than two decimals would show as zero is "<.0001".
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        written = re.sub(r"^(-?)0(?=\.)", r"\1", f"{value:.{digits}f}")
        if digits > 2 and not re.search("[1-9]", written):
            return f"<.{'0' * (digits - 1)}1" if value > 0 else "0"
        # "-.00" is not a negative number.
        return written if re.search("[1-9]", written) else written.removeprefix("-")
    return str(value)


def interval(low: Any, high: Any, digits: int) -> str:
    """Return both ends in brackets, nothing where one is missing."""
    if low is None or high is None:
        return ""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def decimals(value: Any, digits: int = 2) -> str:
    """Return a number as it reads in a sentence, with a minus sign."""
    return number(value, digits).replace("-", "\u2212")


def brackets(low: Any, high: Any, digits: int = 2) -> str:
    """Return an interval as it follows a number in a sentence; nothing where there is none."""
    shown = interval(low, high, digits).replace("-", "\u2212")
    return f" {shown}" if shown else ""
