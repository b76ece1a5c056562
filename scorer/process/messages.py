"""Values that go between the process that lands answers and the ones that compute them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile
from valuescope.warehouse.home import Home

# Question, country and SHA-256 of the text.
CellKey = tuple[str, str, str]
Row = dict[str, Any]


@dataclass(frozen=True)
class ModelDescription:
    """A GGUF file's own description; None where it says nothing."""

    architecture: str | None
    parameter_count: int
    quantization: str | None
    context_length: int
    vocabulary_size: int
    chat_template: str | None


@dataclass(frozen=True)
class LoadRequest:
    """The model to load and how to compute it.

    Where `numerics` leaves the compute type open, the model keeps that of its `earlier` runs, else
    it is measured or, without `measures`, the same on every machine.
    """

    model_file: ModelFile
    numerics: Numerics
    home: Home
    threads: int
    path: str
    earlier: str | None
    measures: bool


@dataclass(frozen=True)
class Prepared:
    """A model that is ready to be asked.

    `row` is the model's in the landing zone; `numerics` leave nothing open; `notices` say why they
    were chosen, and what is strange about the file.
    """

    row: Row
    numerics: Numerics
    memory_bytes: int
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opening:
    """The way in which a design's cells are computed, as in the run's record.

    `path_difference` is in nats an answer, None on the path `sequence`; `context_size` in tokens;
    `metadata_overrides` is what was taken in the place of the file's own metadata, by key.
    """

    numerics: Numerics
    numerics_id: str
    scoring_path: str
    path_difference: float | None
    context_size: int
    threads: int
    metadata_overrides: Mapping[str, str]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Effort:
    """The effort of scoring: tokens decoded, seconds in all, seconds in llama.cpp and its rows."""

    tokens_decoded: int = 0
    seconds_scoring: float = 0.0
    seconds_decoding: float = 0.0

    def __add__(self, other: "Effort") -> "Effort":
        """Return both together."""
        return Effort(
            self.tokens_decoded + other.tokens_decoded,
            self.seconds_scoring + other.seconds_scoring,
            self.seconds_decoding + other.seconds_decoding,
        )

    def __sub__(self, other: "Effort") -> "Effort":
        """Return what was added since `other`."""
        return Effort(
            self.tokens_decoded - other.tokens_decoded,
            self.seconds_scoring - other.seconds_scoring,
            self.seconds_decoding - other.seconds_decoding,
        )


@dataclass(frozen=True)
class ScoredQuestion:
    """The cells of one question that were missing, scored, and how many were done before.

    They are of countries, or, with `about_others`, of groups and invented countries. `rows` are
    those of the landing zone without `run_id`; `off_choice_mass` is the cells' sum.
    """

    question_id: str
    already_done: int
    cells: int
    merged_cells: int
    off_choice_mass: float
    rows: tuple[Row, ...]
    about_others: bool = False


@dataclass(frozen=True)
class Estimate:
    """The estimated size of one model's scoring in one design.

    `other_cells` and `other_tokens` are those of them that are of groups and invented countries.
    `tokens` are those to decode for all cells, landed ones too; `seconds` is their time at the
    measured speed; `memory_bytes` is what the process that scores takes at its peak.
    """

    cells: int
    tokens: int
    tokens_a_second: float
    memory_bytes: int
    other_cells: int = 0
    other_tokens: int = 0

    @property
    def seconds(self) -> float:
        """Return how long all tokens take."""
        return self.tokens / self.tokens_a_second


@dataclass(frozen=True)
class Pace:
    """The speed of this machine: parameters times tokens a second, measured with `model_name`."""

    model_name: str
    cost_a_second: float


@dataclass(frozen=True)
class DescribedAnswer:
    """One choice: `token_ids` of prompt and answer together, the answer from `answer_start` on.

    `answer_tokens` are the texts of the answer's tokens.
    """

    choice_index: int
    text: str
    token_ids: tuple[int, ...]
    answer_start: int
    answer_tokens: tuple[str, ...]


@dataclass(frozen=True)
class PromptDescription:
    """One cell as the model sees it."""

    model_path: str
    prompt_id: str
    text: str
    answers: tuple[DescribedAnswer, ...]
