"""Inspect: an eval log as JSON, which `inspect log dump LOG.eval` prints.

Samples have the ids of `valuescope questions`; an epoch is one more answer to each.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.brought.formats.completions import Completions, completion_rows
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.problems import Problems


def inspect_log_rows(
    path: Path, asked: AskedPrompts, problems: Problems
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a log; `completion_rows` says which.

    Raises ValuescopeError for a file that is not a log.
    """
    try:
        log = json.loads(path.read_text(encoding="utf-8-sig"))
        model, samples = str(log["eval"]["model"]), list(log["samples"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValuescopeError(
            f"{path} is not an Inspect log with samples as JSON ({error!r}). "
            "`inspect log dump LOG.eval > log.json` makes one."
        ) from error
    completions = (
        Completions(
            where=f"sample {number}",
            cell_id=str(sample.get("id")),
            model=model,
            choices=[] if sample.get("error") else (sample.get("output") or {}).get("choices", []),
            text=_asked_text(sample.get("input")),
        )
        for number, sample in enumerate(samples, start=1)
    )
    return completion_rows(completions, asked, problems)


def _asked_text(given: str | list[dict[str, Any]] | None) -> str | None:
    """Return the user's words of a sample's input; None where they are not a text."""
    if isinstance(given, list):
        said = [message.get("content") for message in given if message.get("role") == "user"]
        given = said[-1] if said and isinstance(said[-1], str) else None
    return given
