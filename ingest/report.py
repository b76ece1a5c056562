"""What one load found and did."""

from dataclasses import dataclass
from datetime import datetime


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
class LoadReport:
    """The outcome of one load, for the command line to print.

    `rows_read` counts the rows of the file, `rows_loaded` those of `raw.human_marginals`.
    Questions and codes outside the instrument are kept in raw. Years are None where the file
    tells none. `already_loaded` is true where the same file with the same options was there
    before: the database is then untouched, and `columns_ignored` and `warnings` are empty.
    """

    load_id: str
    population_id: str
    survey_id: str
    format_id: str
    file_name: str
    file_sha256: str
    wave_selection: str
    weighting: str
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
