"""Reports on a file that was checked, and on one that was loaded."""

from dataclasses import dataclass
from datetime import datetime

from valuescope.warehouse.instruments.surveys import OwnInstrument
from valuescope.warehouse.problems import Problem


@dataclass(frozen=True)
class Findings:
    """Findings of a reader beside the marginals; `rows_read` counts rows of the file.

    `own` is the instrument of a survey that brings one.
    """

    rows_read: int
    columns_ignored: tuple[str, ...] = ()
    own: OwnInstrument | None = None


@dataclass(frozen=True)
class CodeOutsideInstrument:
    """An answer code that neither the question's choices nor the missing codes know.

    `respondents` is None where the file has shares only.
    """

    question_id: str
    code: int
    countries: tuple[str, ...]
    respondents: int | None


@dataclass(frozen=True)
class CountryFindings:
    """One country in one wave, as far as the file describes it; None elsewhere.

    `effective_sample_size` is (sum of weights)^2 / sum of squared weights (Kish).
    `not_asked` are questions that others were asked in that wave and nobody answered here.
    """

    country_id: str
    wave: int
    respondents: int | None
    first_year: int | None
    last_year: int | None
    mode: str | None
    release: str | None
    doi: str | None
    smallest_weight: float | None
    largest_weight: float | None
    effective_sample_size: float | None
    question_count: int
    not_asked: tuple[str, ...]


@dataclass(frozen=True)
class MissingRate:
    """The shares of a question's respondents without a valid answer, over all countries.

    Weighted as the load is; `not_asked` (-4) is of everybody, the others of those asked.
    """

    question_id: str
    dont_know: float
    no_answer: float
    other_missing: float
    not_asked: float


@dataclass(frozen=True)
class DirectionCheck:
    """A reason to think that a question's codes run the other way than the instrument's."""

    question_id: str
    basis: str
    detail: str


@dataclass(frozen=True)
class ShareDifference:
    """The distance of a question's shares from those loaded for the same population.

    `largest_difference` is that of any share in any country, which `country_id` names.
    """

    population_id: str
    question_id: str
    country_id: str
    largest_difference: float


@dataclass(frozen=True)
class FileReport:
    """The content of a file, whether it can be loaded or not.

    Questions and codes outside the instrument are kept in raw when the file is loaded. Years are
    None where the file has no years. `refusals` keep it from being loaded.
    """

    file_name: str
    survey_id: str
    format_id: str
    weighting: str
    releases: tuple[str, ...]
    dois: tuple[str, ...]
    waves: tuple[int, ...]
    populations: tuple[str, ...]
    countries: tuple[CountryFindings, ...]
    questions: tuple[str, ...]
    questions_missing: tuple[str, ...]
    questions_unanswered: tuple[str, ...]
    questions_outside_instrument: tuple[str, ...]
    codes_outside_instrument: tuple[CodeOutsideInstrument, ...]
    missing_rates: tuple[MissingRate, ...]
    directions: tuple[DirectionCheck, ...]
    differences: tuple[ShareDifference, ...]
    rows_read: int
    marginal_count: int
    has_counts: bool
    has_dont_know_codes: bool
    columns_ignored: tuple[str, ...]
    refusals: tuple[Problem, ...]
    warnings: tuple[str, ...]

    @property
    def country_ids(self) -> tuple[str, ...]:
        """Return the countries of the file, each once, in alphabetical order."""
        return tuple(sorted({country.country_id for country in self.countries}))

    @property
    def first_year(self) -> int | None:
        """Return the first year of fieldwork; None if the file has no years."""
        return min((c.first_year for c in self.countries if c.first_year is not None), default=None)

    @property
    def last_year(self) -> int | None:
        """Return the last year of fieldwork; None if the file has no years."""
        return max((c.last_year for c in self.countries if c.last_year is not None), default=None)


@dataclass(frozen=True)
class LoadReport:
    """The outcome of one load, for the command line to print.

    `already_loaded` is true where the same file with the same options was there before: the
    database is then untouched, and `file` describes what is loaded. `effects` say what it
    replaced, and what it changed of what was loaded before.
    """

    file: FileReport
    file_sha256: str
    load_ids: tuple[str, ...]
    already_loaded: bool
    replaced_earlier_version: bool
    loaded_at: datetime
    effects: tuple[str, ...] = ()
