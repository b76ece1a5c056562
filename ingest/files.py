"""Survey files of the user's: the format is told by the columns, never by the name."""

from pathlib import Path

import duckdb

from ingest.loading import Findings, Load, checked_weighting, default_wave, run_load
from ingest.names import listed
from ingest.report import LoadReport
from ingest.sources import Source, file_sha256, open_source
from ingest.tidy import find_columns, read_tidy
from ingest.tidy import missing_columns as missing_tidy_columns
from ingest.wave7 import WAVE, is_wave7, read_wave7
from ingest.wave7 import missing_columns as missing_wave7_columns
from warehouse.errors import ValuescopeError
from warehouse.home import Home
from warehouse.instrument import Instrument


def load_file(
    path: Path,
    home: Home,
    instrument: Instrument,
    *,
    survey_id: str = "wvs",
    wave: int | None = None,
    weighting: str | None = None,
) -> LoadReport:
    """Load tidy marginals (CSV, Parquet) or the official wave 7 file into the raw tables.

    `wave` picks one of a tidy file's waves or says which one it holds; the survey's default wave
    otherwise. `weighting` is `within_country` or `unweighted`: for respondents it chooses whether
    `W_WEIGHT` is used (it is, unless told otherwise), for marginals it says what they are
    (`unstated` unless told).
    The same file again changes nothing; a corrected file of the same name replaces its own rows.

    Raises ValuescopeError for anything wrong with the file; the database stays as it was.
    """
    usual_wave = default_wave(survey_id)
    source = open_source(path)
    if is_wave7(source):
        return _load_wave7(source, home, instrument, survey_id, wave, weighting)
    columns = find_columns(source)
    if columns is None:
        raise _not_a_survey_file(source)
    chosen_wave = usual_wave if wave is None else wave
    chosen_weighting = checked_weighting(weighting or "unstated")

    def read(connection: duckdb.DuckDBPyConnection) -> Findings:
        return read_tidy(
            connection, source, columns, instrument, survey_id, chosen_wave, chosen_weighting
        )

    load = _describe(source, survey_id, chosen_wave, chosen_weighting, columns.format_id)
    return run_load(load, home, instrument, read)


def _load_wave7(
    source: Source,
    home: Home,
    instrument: Instrument,
    survey_id: str,
    wave: int | None,
    weighting: str | None,
) -> LoadReport:
    chosen_weighting = checked_weighting(weighting or "within_country")
    if chosen_weighting == "unstated":
        raise ValuescopeError(
            "Respondents are loaded with --weighting within_country or unweighted; unstated "
            "is for marginals."
        )
    if wave not in (None, WAVE):
        raise ValuescopeError(
            f"{source.path} is a wave {WAVE} file; wave {wave} was asked for. Leave the wave out."
        )
    missing = missing_wave7_columns(source, chosen_weighting)
    if missing:
        remedy = "Download the complete file"
        if "W_WEIGHT" in missing:
            remedy += ", or load it with --weighting unweighted if only W_WEIGHT is missing"
        raise ValuescopeError(
            f"{source.path} looks like the official wave {WAVE} file but lacks the columns "
            f"{', '.join(missing)}. {remedy}."
        )

    def read(connection: duckdb.DuckDBPyConnection) -> Findings:
        return read_wave7(connection, source, instrument, chosen_weighting)

    load = _describe(source, survey_id, WAVE, chosen_weighting, "wvs7_csv")
    return run_load(load, home, instrument, read)


def _describe(source: Source, survey_id: str, wave: int, weighting: str, format_id: str) -> Load:
    return Load(
        survey_id=survey_id,
        wave_selection=str(wave),
        weighting=weighting,
        file_name=source.path.name,
        file_sha256=file_sha256(source.path),
        file_bytes=source.path.stat().st_size,
        format_id=format_id,
        options={},
    )


def _not_a_survey_file(source: Source) -> ValuescopeError:
    tidy = "; ".join(missing_tidy_columns(source))
    wave7 = ", ".join(missing_wave7_columns(source, "within_country"))
    return ValuescopeError(
        f"{source.path} is not a survey file. Its columns are {listed(source.columns)}. "
        f"To be tidy marginals it lacks: {tidy}. "
        f"To be the official wave {WAVE} file it lacks: {wave7}. "
        "Rename its columns or load another file."
    )
