"""The process that loads the engine and may die of it; prints one line of JSON for each result."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from valuescope.warehouse.errors import ValuescopeError

try:
    from valuescope.scorer.engine.llama import llama
except ValuescopeError as error:  # what to do about it is said by who asks
    sys.exit(f"{type(error.__cause__).__name__}: {error.__cause__}")

from valuescope.scorer.engine.contexts import BatchToken, Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.trial.generated_model import VOCABULARY_SIZE, GeneratedModel
from valuescope.scorer.trial.reference import log_probabilities

# Tokens decoded at once: alone, and in batches that fill tiles and vectors and that do not.
_BATCHES = (1, 7, 32, 37, 128, 1)
_SEED = 41


def main(weight_types: Sequence[str]) -> None:
    """Try each of `weight_types`; one after the other, so that a crash shows which it was."""
    llama.llama_backend_init()
    _tell(compiled_features=_compiled_features())
    generated = GeneratedModel.generate()
    with tempfile.TemporaryDirectory(prefix="valuescope-trial-") as folder:
        for weight_type in weight_types:
            difference, error = None, None
            try:
                difference = largest_difference(generated, weight_type, Path(folder))
            except ValuescopeError as problem:
                error = str(problem)
            _tell(weight_type=weight_type, largest_difference=difference, error=error)


def largest_difference(generated: GeneratedModel, weight_type: str, folder: Path) -> float:
    """Return the largest difference from float64 in any token's log-probability, in nats.

    The reference multiplies the weights as they were rounded for the file, so that what is left is
    the rounding of activations.
    """
    path = folder / f"{weight_type}.gguf"
    stored = generated.write(path, weight_type)
    random = np.random.default_rng(_SEED)
    tokens = random.integers(VOCABULARY_SIZE, size=sum(_BATCHES)).tolist()
    expected = log_probabilities(stored, tokens)
    everything = range(VOCABULARY_SIZE)
    found: list[list[float]] = []
    with (
        Model(path, f"a generated {weight_type} model") as model,
        model.new_context(len(tokens), Numerics(batch_size=max(_BATCHES)), threads=1) as context,
    ):
        for size in _BATCHES:
            positions = range(len(found), len(found) + size)
            rows = context.decode([BatchToken(tokens[i], i, (0,), everything) for i in positions])
            found += [[row[token] for token in everything] for row in rows]
    path.unlink()
    return float(np.abs(np.array(found) - expected).max())


def _compiled_features() -> list[str]:
    """Return what llama.cpp says it was compiled for, such as AVX2 or AMX_INT8."""
    described = llama.llama_print_system_info().decode(errors="replace")
    settings = (part.split(" = ") for part in described.split(":", 1)[-1].split("|"))
    return [setting[0].strip() for setting in settings if setting[-1].strip() == "1"]


def _tell(**values: object) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201 (what the process is for)


if __name__ == "__main__":
    main(sys.argv[1:])
