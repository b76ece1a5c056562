"""How a report writes values for people."""

import re
from decimal import Decimal
from typing import Any


def number(value: Any, digits: int) -> str:
    """As a person reads it: two decimals without a leading zero, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        return re.sub(r"^(-?)0(?=\.)", r"\1", f"{value:.{digits}f}")
    return str(value)
