"""lm-evaluation-harness: `samples_*.jsonl`, which `--log_samples` writes.

A sample of a multiple_choice task has the document, for each choice the prompt and the answer after
it (`arguments`), and the pair of log-likelihood and "is it the greedy answer" (`filtered_resps`).
The documents are the lines of `valuescope questions --format jsonl`, so each carries its `id`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.brought.formats.json_lines import json_objects
from valuescope.warehouse.problems import Problems


def lm_eval_rows(path: Path, asked: AskedPrompts, problems: Problems) -> Iterator[dict[str, Any]]:
    """Yield a row for each choice of each sample; a sample of another kind is refused.

    Requests without a context, which acc_mutual_info adds, are left out.
    """
    for number, sample in json_objects(path, problems):
        if sample.get("filter", "none") != "none":
            continue
        try:
            cell = sample["doc"]["id"]
            arguments = sample["arguments"]
            if isinstance(arguments, dict):
                pairs = [(given["arg_0"], given["arg_1"]) for given in arguments.values()]
            else:
                pairs = [(given[0], given[1]) for given in arguments]
            values = [float(response[0]) for response in sample["filtered_resps"]]
            rows = [
                {
                    "id": str(cell),
                    "choice": answer.strip(),
                    "text": context,
                    "byte_count": len(answer.encode()),
                    "log_likelihood": value,
                }
                for (context, answer), value in zip(pairs, values, strict=True)
                if context
            ]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            problems.refuse(
                f"has in line {number} no sample of a multiple_choice task whose documents are "
                f"those of `valuescope questions --format jsonl` ({error!r})",
                "docs/bring-answers.md has the task file.",
            )
            return
        yield from rows
