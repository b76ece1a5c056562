"""GGUF metadata from the registry, key by key, for models whose files may lack it."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from valuescope.warehouse.home import SEEDS

# How a tokenizer splits text into words before it looks for tokens, by llama.cpp's names.
PRE_TOKENIZER = "tokenizer.ggml.pre"
CHAT_TEMPLATE = "tokenizer.chat_template"


def supplied_metadata(model_name: str) -> Mapping[str, str]:
    """Return the metadata of a registered model that its file may lack."""
    return _by_model().get(model_name, {})


@cache
def _by_model() -> dict[str, dict[str, str]]:
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    with (SEEDS / "model_metadata.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["model_name"]][row["metadata_key"]] = row["metadata_value"]
    return found
