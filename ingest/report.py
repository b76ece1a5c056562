"""What one load found and did."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class CodeOutsideInstrument:
    """A non-negative answer code that the question's choices do not know; kept in raw."""

    question_id: str
    code: int
    countries: tuple[str, ...]
    respondents: int | None


@dataclass(frozen=True)
class LoadReport:
    """The outcome of one load, for the command line to print.

    `already_loaded` is true where the same file with the same options was there before; the
    database is then untouched and the other fields describe what is loaded.
    """

    load_id: str
    survey_id: str
    format_id: str
    file_name: str
    file_sha256: str
    wave_selection: str
    weighting: str
    population_id: str
    waves: tuple[int, ...]
    countries: tuple[str, ...]
    questions: tuple[str, ...]
    first_year: int | None
    last_year: int | None
    rows_read: int
    rows_loaded: int
    has_counts: bool
    has_dont_know_codes: bool
    codes_outside_instrument: tuple[CodeOutsideInstrument, ...]
    questions_outside_instrument: tuple[str, ...]
    columns_ignored: tuple[str, ...]
    warnings: tuple[str, ...]
    already_loaded: bool
    replaced_earlier_version: bool
    loaded_at: datetime
