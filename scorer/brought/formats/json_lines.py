"""Lines of JSON, each with its number."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valuescope.warehouse.problems import Problems


def json_objects(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's number and object; lines that are none are refused."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                content = json.loads(line)
            except ValueError:
                content = None
            if isinstance(content, dict):
                yield number, content
            else:
                problems.refuse(
                    f"has in line {number} no JSON object", "The file may have been cut off."
                )
                return
