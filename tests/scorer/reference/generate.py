"""The log-likelihoods of `cells.py` by another implementation: transformers on PyTorch.

`python generate.py CELLS TARGET`, usually by `make reference`, reads the token ids and the model
files that `cells.py` wrote, and writes the fixture. Nothing of valuescope or llama.cpp runs here:
the gguf package turns the quantized weights into float32, transformers computes with them, and
every sequence is decoded whole, without a cache.
"""

import importlib.metadata
import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found]
from transformers import AutoModelForCausalLM  # type: ignore[import-not-found]

PACKAGES = ("torch", "transformers", "gguf")


def load(path: Path) -> Any:
    """A GGUF's weights in float32.

    What Gemma's file leaves out (every sixth layer attends to everything, the others rotate
    positions to base 10000) are the defaults of its configuration class. Raises ValueError for
    weights that the file does not give, which transformers would draw at random.
    """
    model, report = AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        dtype=torch.float32,
        # The formula as it is written, rather than a fused kernel.
        attn_implementation="eager",
        output_loading_info=True,
    )
    if report["missing_keys"] or report["mismatched_keys"]:
        raise ValueError(f"transformers does not find all weights in {path}: {report}")
    return model.eval()


def log_likelihoods(
    model: Any, prompt: Sequence[int], answers: Sequence[Sequence[int]]
) -> list[list[float]]:
    """Log P of each token of each answer given all before it, in nats, to 7 decimals."""

    @cache  # answers that differ in their last token alone, as labels do, share a computation
    def rows(before: tuple[int, ...]) -> Any:
        tokens = torch.tensor([[*prompt, *before]])
        with torch.inference_mode():
            logits = model(tokens, use_cache=False, logits_to_keep=len(before) + 1).logits[0]
        return torch.log_softmax(logits.double(), dim=-1)

    return [
        [
            round(float(row[token]), 7)
            for row, token in zip(rows(tuple(answer[:-1])), answer, strict=True)
        ]
        for answer in answers
    ]


def main(source: Path, target: Path) -> None:
    """Write the cells of `source` with their log-likelihoods to `target`, a cell on a line."""
    given = json.loads(source.read_text(encoding="utf-8"))
    cells = []
    for name, file in given["models"].items():
        model = load(Path(file["path"]))
        for cell in given["cells"]:
            if cell["model"] == name:
                cell["log_likelihoods"] = log_likelihoods(model, cell["prompt"], cell["answers"])
                cells.append(cell)
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    sha256 = {name: file["sha256"] for name, file in given["models"].items()}
    lines = ",\n".join(json.dumps(cell, separators=(",", ":")) for cell in cells)
    target.write_text(
        f'{{"versions": {json.dumps(versions)},\n"sha256": {json.dumps(sha256)},\n'
        f'"cells": [\n{lines}\n]}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
