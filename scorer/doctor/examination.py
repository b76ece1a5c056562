"""The findings of a model's examination, for code that never loads the engine."""

from dataclasses import dataclass
from typing import Literal

from valuescope.scorer.process.messages import ModelDescription

Status = Literal["ok", "warning", "problem"]

# Questions that an examination asks, where nothing else is said.
QUESTIONS = 9


@dataclass(frozen=True)
class Check:
    """One check; `detail` says what was found and what to do about it."""

    name: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Difference:
    """The difference between two ways of computing the same prompts.

    `largest` and `mean` are over answers, in nats; `pearson_r` correlates the prompts' mean
    scores, None where they do not vary. 1 - r is the noise in r.
    """

    largest: float
    mean: float
    pearson_r: float | None


@dataclass(frozen=True)
class NoiseMeasurement:
    """The effect of a way of scoring on answers, against single sequences with an F32 cache.

    `problem` says why no difference was measured.
    """

    scored_by: str
    difference: Difference | None = None
    problem: str | None = None


@dataclass(frozen=True)
class ComputeMeasurement:
    """The speed of a compute type and what it does to answers, against float32.

    `difference` is None where float32 was not measured; `problem` says why no speed was measured.
    """

    compute_type: str
    tokens_a_second: float | None = None
    difference: Difference | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Examination:
    """The findings on a model that is asked in one design.

    `compute_type` and `scoring_path` are those that scoring would choose; `prompts` counts the
    survey's prompts that were tried.
    """

    model_name: str
    model_path: str
    is_chat: bool
    description: ModelDescription
    prompt_id: str
    compute_type: str
    scoring_path: str
    prompts: int
    checks: tuple[Check, ...]
    noise: tuple[NoiseMeasurement, ...]
    computations: tuple[ComputeMeasurement, ...]

    @property
    def problems(self) -> tuple[Check, ...]:
        """Return the checks that the model does not pass."""
        return tuple(check for check in self.checks if check.status == "problem")
