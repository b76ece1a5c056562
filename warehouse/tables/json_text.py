"""Values for programs: JSON of all that the warehouse gives."""

import json
import math
from datetime import date
from decimal import Decimal
from typing import Any


def json_text(content: object) -> str:
    """Return indented JSON with a newline at the end; numbers keep all digits."""
    return json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Convert `value` to types that JSON has.

    Numbers that are not finite become `"NaN"`, `"Infinity"` and `"-Infinity"`, as PostgreSQL
    writes them: JSON lacks them, and null would mean that nothing was there.
    """
    match value:
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case Decimal() if value.is_finite():
            return int(value) if value == value.to_integral_value() else float(value)
        case float() if not math.isfinite(value):
            return json.dumps(value)
        case None | bool() | int() | float() | str():
            return value
        case date():
            return value.isoformat()
        case _:
            return str(value)
