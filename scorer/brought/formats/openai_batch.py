"""OpenAI's batch output, as its API, vLLM and other servers write it: a line for each request.

`custom_id` is the id of `valuescope questions`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.brought.formats.completions import Completions, completion_rows
from valuescope.scorer.brought.formats.json_lines import json_objects
from valuescope.warehouse.problems import Problems


def openai_batch_rows(
    path: Path, asked: AskedPrompts, problems: Problems
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch; `completion_rows` says which."""
    return completion_rows(_completions(path, problems), asked, problems)


def _completions(path: Path, problems: Problems) -> Iterator[Completions]:
    for number, line in json_objects(path, problems):
        body = (line.get("response") or {}).get("body") or {}
        yield Completions(
            where=f"line {number}",
            cell_id=str(line.get("custom_id")),
            model=str(body.get("model")),
            choices=[] if line.get("error") else body.get("choices") or [],
        )
