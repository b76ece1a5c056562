"""Run the trial in a process of its own, again after each weight type that it dies of."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from valuescope.scorer.engine.installation import import_path

Status = Literal["ok", "wrong", "died", "not tried"]

# The weight types that are tried, and how far a log-probability, in nats, may be from float64's.
# Right engines differ by 7e-6 (F32), 0.0043 (F16), 0.049 (BF16) and 0.17 to 0.29 (the others, whose
# activations are rounded to 8 bits); docs/scoring.md shows both sides of each bound.
BOUNDS = {
    "F32": 0.001,
    "F16": 0.1,
    "BF16": 0.2,
    **dict.fromkeys(
        ("Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4"),
        0.6,
    ),
}
# Seconds for all weight types; a busy machine takes a tenth of it.
_LONGEST = 600
# What is tried are the processor's kernels; threads would only wait for one another.
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "HIP_VISIBLE_DEVICES": "",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class WeightTypeResult:
    """The outcome of the trial for one weight type.

    `largest_difference` is between log-probabilities of the engine and of float64, in nats; None
    where there was none. `detail` says what went wrong.
    """

    weight_type: str
    status: Status
    bound: float
    largest_difference: float | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Trial:
    """The results of all weight types, and the features that the engine was compiled for."""

    results: tuple[WeightTypeResult, ...]
    compiled_features: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[WeightTypeResult, ...]:
        """Return the weight types that do not work."""
        return tuple(result for result in self.results if result.status != "ok")

    @property
    def reason(self) -> str:
        """Return the first failure in words, such as `dies with SIGILL on Q8_0 weights`."""
        first, others = self.failures[0], len(self.failures) - 1
        types = "weight type" if others == 1 else "weight types"
        more = f" (and fails with {others} more {types})" if others else ""
        return f"{first.detail}{more}"


def try_engine(
    python: str | Path = sys.executable,
    packages: Path | None = None,
    weight_types: Sequence[str] = tuple(BOUNDS),
) -> Trial:
    """Try the engine that `python` would load, or the one in the folder `packages`.

    A weight type that the engine dies of stops no other. Takes about two seconds of one processor.
    """
    results: list[WeightTypeResult] = []
    compiled_features: tuple[str, ...] = ()
    while len(results) < len(weight_types):
        remaining = weight_types[len(results) :]
        events, ending = _run(python, packages, remaining)
        for event in events:
            if "compiled_features" in event:
                compiled_features = tuple(event["compiled_features"])
            else:
                results.append(_judged(**event))
        if ending is not None and len(results) < len(weight_types):
            dead = weight_types[len(results)]
            results.append(_result(dead, "died", detail=f"{ending} on {dead} weights"))
            if not compiled_features:
                # Not even loaded: the other types would fail in the same way.
                results[-1] = _result(dead, "died", detail=f"{ending} while it is loaded")
                rest = weight_types[len(results) :]
                results += [_result(kind, "not tried", detail="not tried") for kind in rest]
    return Trial(tuple(results), compiled_features)


def _judged(
    weight_type: str, largest_difference: float | None, error: str | None
) -> WeightTypeResult:
    """Return the result of a weight type that was computed to its end."""
    bound = BOUNDS[weight_type]
    if error is not None:
        return _result(weight_type, "wrong", detail=f"fails on {weight_type} weights: {error}")
    assert largest_difference is not None
    # A comparison that NaN fails too.
    if largest_difference <= bound:
        return _result(weight_type, "ok", largest_difference)
    detail = (
        f"computes wrong numbers with {weight_type} weights: log-probabilities are off by up to "
        f"{largest_difference:.2g} nats, where rounding explains {bound:g}"
    )
    return _result(weight_type, "wrong", largest_difference, detail)


def _result(
    weight_type: str, status: Status, difference: float | None = None, detail: str | None = None
) -> WeightTypeResult:
    return WeightTypeResult(weight_type, status, BOUNDS[weight_type], difference, detail)


def _run(
    python: str | Path, packages: Path | None, weight_types: Sequence[str]
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the events that the process reported, and how it ended if it did not finish."""
    command = [str(python), "-P", "-m", "valuescope.scorer.trial.child", *weight_types]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=_environment(packages),
                timeout=_LONGEST,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
        events = [json.loads(line) for line in _lines(output) if line.startswith("{")]
        return events, None if code == 0 else _ending(code, _lines(errors))


def _environment(packages: Path | None) -> Mapping[str, str]:
    path = import_path() if packages is None else f"{packages}{os.pathsep}{import_path()}"
    return {**os.environ, **_ENVIRONMENT, "PYTHONPATH": path}


def _ending(code: int | None, errors: Sequence[str]) -> str:
    if code is None:
        return f"hangs (no result in {_LONGEST} seconds)"
    last = f": {errors[-1]}" if errors else ""
    if code > 0:
        return f"stops with exit code {code}{last}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"dies with {name} ({signal.strsignal(-code)}){last}"


def _lines(file: Any) -> list[str]:
    file.seek(0)
    text: str = file.read().decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
