"""Read the user's survey files; each is recognised by its content, never by its name."""

import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import duckdb

from valuescope.ingest.formats import archives
from valuescope.ingest.formats.columnar import open_columnar
from valuescope.ingest.formats.delimited import first_lines, open_delimited
from valuescope.ingest.formats.excel import is_workbook, open_workbook, write_first_rows
from valuescope.ingest.formats.guard import reading
from valuescope.ingest.formats.sources import HEAD_BYTES, Source, file_sha256, read_head
from valuescope.ingest.formats.spss_stata import open_statistics_file, statistics_format
from valuescope.ingest.loads.effects import Confirm
from valuescope.ingest.loads.loading import Load, Read, check_load, checked_weighting, run_load
from valuescope.ingest.loads.report import FileReport, Findings, LoadReport
from valuescope.ingest.marginals import globalopinionqa
from valuescope.ingest.marginals.globalopinionqa import is_globalopinionqa, read_globalopinionqa
from valuescope.ingest.marginals.own_survey import (
    CHOICES,
    QUESTIONS,
    is_own_survey,
    read_own_survey,
)
from valuescope.ingest.marginals.tidy import find_columns, read_tidy
from valuescope.ingest.marginals.tidy import missing_columns as missing_tidy_columns
from valuescope.ingest.respondents.breakdowns import DEFAULT_MINIMUM_CELL, EVERYBODY, Breakdown
from valuescope.ingest.respondents.checks import check_value_labels
from valuescope.ingest.respondents.counting import Division, read_respondents
from valuescope.ingest.respondents.layouts import (
    EVS,
    EVS_WAVE,
    TIME_SERIES,
    WAVE7,
    RespondentFile,
    Stated,
    missing_columns,
    of_evs,
    recognise,
)
from valuescope.ingest.respondents.layouts import other_edition as other_edition_of
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import DEFAULT_SURVEY, Instrument, load_instrument
from valuescope.warehouse.problems import Problems, listed
from valuescope.warehouse.unfinished import unfinished_folder

# Of a large CSV's beginning; a header may be longer.
_GLIMPSE_BYTES = 1 << 18
# First bytes of files that people have of the survey but that are read in another way.
_RDS = (
    'an R file (.rds). In R, `write.csv(readRDS("{name}"), "{stem}.csv", row.names = FALSE)` '
    "writes it as CSV; load that, or the survey's CSV, SPSS or Stata edition"
)
_RDATA = (
    'an R file (.RData). In R, `table <- get(load("{name}")[1])` and then `write.csv(table, '
    '"{stem}.csv", row.names = FALSE)` write it as CSV; load that, or the survey\'s CSV, SPSS or '
    "Stata edition"
)
_OTHER_KINDS = {
    b"%PDF": "a PDF; load the CSV edition of the survey",
    b"RDX": _RDATA,
    b"RDA": _RDATA,
    b"X\n\0": _RDS,
    b"A\n2\n": _RDS,
    b"A\n3\n": _RDS,
    b"B\n\2": _RDS,
    b"B\n\3": _RDS,
    b"7z\xbc\xaf": "a 7z archive; unpack it and load the file inside",
    b"Rar!": "a RAR archive; unpack it and load the file inside",
    b"SQLite format 3": "an SQLite database; export the table as CSV and load that",
    b"HEADER RECORD*": "a SAS file; load the CSV, SPSS or Stata edition of the survey",
    b"\0" * 12 + b"\xc2\xea\x81": "a SAS file; load the CSV, SPSS or Stata edition of the survey",
    b"<": "a web page or XML file; download the survey's file again",
}
# An archive in a compressed file in an archive: nothing deeper is a survey file.
_DEEPEST = 3


@dataclass(frozen=True)
class LoadOptions:
    """The options of a load.

    `wave` picks one of the file's waves or says which one it holds. `weighting` is
    `within_country` or `unweighted`: for respondents it chooses whether the survey's weights
    are used (the default), for marginals it says what they are (`unstated` by default).
    `country` and `year` are those of all rows, where the file has no column for them. With
    `weighs_missing_as_one` respondents without a weight count as one, and are left out
    otherwise. `breakdowns` divide respondents further; of cells of a country with fewer
    respondents than `minimum_cell` nothing is kept. `member` names the file in an archive.
    """

    survey_id: str | None = None
    wave: int | None = None
    year: int | None = None
    country: str | None = None
    weighting: str | None = None
    weighs_missing_as_one: bool = False
    breakdowns: tuple[Breakdown, ...] = ()
    minimum_cell: int = DEFAULT_MINIMUM_CELL
    member: str | None = None


DEFAULT_OPTIONS = LoadOptions()


def load_file(
    path: Path,
    home: Home,
    instrument: Instrument,
    options: LoadOptions = DEFAULT_OPTIONS,
    confirm: Confirm | None = None,
) -> LoadReport:
    """Load a survey file of any kind into the raw tables; see `LoadOptions`.

    The same file again changes nothing; a corrected file of the same name replaces its own rows.
    `confirm` is called where the load changes what models are compared with, or has people that
    are loaded already.

    Raises ValuescopeError for anything wrong with the file; the database stays as it was.
    """
    problems = Problems(path)
    with _prepared(path, instrument, options, problems) as (load, read):
        return run_load(load, home, instrument, problems, read, confirm)


def check_file(
    path: Path,
    home: Home,
    instrument: Instrument,
    options: LoadOptions = DEFAULT_OPTIONS,
) -> FileReport:
    """Describe what `load_file` would load, with every fault of the rows, and load nothing.

    Raises ValuescopeError only where there is nothing to describe: no such file, not a survey
    file, or one that cannot be read to its end.
    """
    problems = Problems(path)
    with _prepared(path, instrument, options, problems) as (load, read):
        return check_load(load, home, instrument, problems, read)


@contextmanager
def _prepared(
    path: Path, instrument: Instrument, options: LoadOptions, problems: Problems
) -> Iterator[tuple[Load, Read]]:
    """Find out what the file is; what is unpacked or converted is gone afterwards."""
    with ExitStack() as stack:
        with reading(path):
            parent = Path(tempfile.gettempdir())
            work = stack.enter_context(unfinished_folder(parent, "valuescope"))
            load, read = _look(path, work, instrument, options, problems)

        def guarded(connection: duckdb.DuckDBPyConnection, problems: Problems) -> Findings:
            with reading(path):
                return read(connection, problems)

        yield load, guarded


def _look(
    path: Path, work: Path, instrument: Instrument, options: LoadOptions, problems: Problems
) -> tuple[Load, Read]:
    survey_folder = _survey_folder(path, work)
    if survey_folder is not None:
        return _own_survey(survey_folder, instrument, options, problems, work)
    # What the header of a large CSV or workbook shows is refused before the rest of it is read.
    beginning = _beginning(path, work, options.member)
    if beginning is not None:
        _recognised(beginning, instrument, options, Problems(path))
    return _recognised(open_source(path, work, options.member), instrument, options, problems)


def _beginning(path: Path, work: Path, member: str | None) -> Source | None:
    """Open the first lines of a large CSV, packed or not, or rows of a large Excel workbook.

    Return None for other files.
    """
    if not path.is_file():
        return None
    head = read_head(path)
    glimpse = work / "beginning" / path.name
    glimpse.parent.mkdir()
    if head.startswith(b"PK\x03\x04") and is_workbook(archives.names(path)):
        is_large = write_first_rows(path, glimpse)
        return open_workbook(path, glimpse, glimpse.parent) if is_large else None
    start = archives.beginning(path, head, member, HEAD_BYTES)
    if len(start) < HEAD_BYTES or statistics_format(start) or start.startswith((*_OTHER_KINDS,)):
        return None
    lines = first_lines(start[:_GLIMPSE_BYTES]) or first_lines(start)
    if not glimpse.write_bytes(lines):
        return None
    return open_delimited(path, glimpse, read_head(glimpse), work)


def _recognised(
    source: Source, instrument: Instrument, options: LoadOptions, problems: Problems
) -> tuple[Load, Read]:
    """Return how a table is loaded. Raises ValuescopeError if its columns show that it cannot."""
    for note in source.notes:
        problems.warn(note)
    if is_globalopinionqa(source.columns):
        return _globalopinionqa(source, instrument, options)
    file = recognise(source, instrument, problems)
    if file is not None and options.survey_id == EVS and file.layout.study:
        file = of_evs(file)
    if file is not None:
        return _respondents(file, instrument, options, problems)
    return _tidy(source, instrument, options, problems)


def _survey_folder(path: Path, work: Path) -> Path | None:
    """Return the folder of a user's own survey, unpacked if need be; None for anything else."""
    if path.is_dir():
        return path if is_own_survey(path) else None
    if path.is_file() and read_head(path).startswith(b"PK\x03\x04"):
        held = {PurePosixPath(name).name for name in archives.names(path)}
        if {QUESTIONS, CHOICES} <= held:
            return archives.unpack_all(path, work)
    return None


def open_source(path: Path, work: Path, member: str | None = None) -> Source:
    """Open a file of any kind that is read; `work` is a folder for what must be converted.

    Raises ValuescopeError if there is no such file or its kind is not read.
    """
    if path.is_dir():
        raise ValuescopeError(
            f"{path} is a folder, and not one with a survey of your own ({QUESTIONS}, {CHOICES}). "
            "Name the survey file inside it."
        )
    file, head = path, _head(path)
    for _ in range(_DEEPEST):
        if head.startswith(b"PK\x03\x04") and not is_workbook(archives.names(file)):
            file, member = archives.unpack(file, member, work), None
        elif archives.is_compressed(head):
            file = archives.decompress(path, file, head, work)
        else:
            break
        head = _head(file)
    if member is not None:
        raise ValuescopeError(f"{path} is not a ZIP archive, so --member does not apply to it.")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return open_workbook(path, file, work)
    form = statistics_format(head)
    if form is not None:
        return open_statistics_file(path, file, form, work)
    for start, kind in _OTHER_KINDS.items():
        if head.startswith(start):
            named = kind.format(name=file.name, stem=file.stem) if "{" in kind else kind
            raise ValuescopeError(f"{path} is {named}.")
    return open_columnar(path, file, head, work) or open_delimited(path, file, head, work)


def _head(path: Path) -> bytes:
    try:
        is_regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        raise ValuescopeError(f"No such file: {path}. Check the path and repeat.") from None
    if not is_regular:
        # Reading a pipe might wait forever.
        raise ValuescopeError(
            f"{path} is not a file but a pipe or device. Save what comes from it and load that."
        )
    head = read_head(path)
    if not head.strip():
        raise ValuescopeError(f"{path} is empty. Download or export it again.")
    return head


def _respondents(
    file: RespondentFile, instrument: Instrument, options: LoadOptions, problems: Problems
) -> tuple[Load, Read]:
    source, layout = file.source, file.layout
    if options.survey_id not in (None, layout.survey_id):
        raise ValuescopeError(
            f"{source.path} is the {layout.title} of the World Values Survey. Leave --survey out."
        )
    weighting = checked_weighting(options.weighting or "within_country")
    if weighting == "unstated":
        raise ValuescopeError(
            "Respondents are loaded with --weighting within_country or unweighted; unstated "
            "is for marginals."
        )
    if layout.only_wave is not None and options.wave not in (None, layout.only_wave):
        raise ValuescopeError(
            f"{source.path} is a wave {layout.only_wave} file; wave {options.wave} was asked for. "
            "Leave the wave out."
        )
    if layout.survey_id == EVS:
        if options.wave not in (None, EVS_WAVE):
            raise ValuescopeError(
                f"Of the European Values Study only wave {EVS_WAVE} (2017) is read. Leave --wave "
                "out."
            )
        options = replace(options, wave=EVS_WAVE)
    stated = _stated(file, instrument, options)
    missing = missing_columns(file, weighting != "unweighted", stated)
    if missing:
        columns = ", ".join(column for column, _ in missing)
        remedies = "; ".join(f"{column}: {remedy}" for column, remedy in missing)
        raise ValuescopeError(
            f"{source.path} looks like the {layout.title} but lacks the columns {columns}. "
            f"{remedies}."
        )
    _tell_of_columns(file, stated, problems)
    check_value_labels(file, instrument, problems)
    division = Division(
        is_weighted=weighting != "unweighted",
        weighs_missing_as_one=options.weighs_missing_as_one,
        wave=None if layout.only_wave is not None else options.wave,
        stated=stated,
        breakdowns=(EVERYBODY, *options.breakdowns),
        minimum_cell=options.minimum_cell,
    )
    recorded = {}
    if division.wave is not None:
        recorded["wave"] = str(division.wave)
    if stated.country_id is not None:
        recorded["country"] = stated.country_id
    if stated.year is not None:
        recorded["year"] = str(stated.year)
    if options.weighs_missing_as_one:
        recorded["missing_weights"] = "as-one"
    if options.breakdowns:
        recorded["minimum_cell"] = str(options.minimum_cell)

    def read(connection: duckdb.DuckDBPyConnection, problems: Problems) -> Findings:
        findings = read_respondents(connection, file, instrument, division, problems)
        held = {item.question_id for item in file.items}
        asked = instrument.questions_of_survey(layout.survey_id)
        lacking = [q.question_id for q in asked if q.question_id not in held]
        # Of the European Values Study it is known which questions it asked.
        if lacking and layout.survey_id != EVS:
            where = "columns for" if layout is WAVE7 else "variables that ask the same as"
            problems.warn(f"The file has no {where} {listed(lacking)}.")
        return findings

    load = _describe(
        source,
        layout.survey_id,
        weighting,
        file.format_id,
        recorded,
        tuple(breakdown.name for breakdown in division.breakdowns),
    )
    return load, read


def _stated(file: RespondentFile, instrument: Instrument, options: LoadOptions) -> Stated:
    """Return the options that hold for all rows.

    Raises ValuescopeError if the file has a column for one of them.
    """
    find, layout = file.source.find, file.layout
    for option, value, column in (
        ("--country", options.country, find(*layout.country, *layout.country_number)),
        ("--year", options.year, find(layout.year)),
    ):
        if value is not None and column is not None:
            raise ValuescopeError(
                f"{file.source.path} has the column {column}, so {option} {value} does not apply "
                f"to it. Leave {option} out."
            )
    country = None if options.country is None else instrument.country(options.country)
    return Stated(country.country_id if country else None, options.wave, options.year)


def _tell_of_columns(file: RespondentFile, stated: Stated, problems: Problems) -> None:
    """Warn of columns that the file lacks and of those that are named like another."""
    find, layout = file.source.find, file.layout
    if layout.only_wave is not None and find(*layout.wave) is None and stated.wave is None:
        problems.warn(
            f"The file has no {layout.wave[0]}. It was taken for wave {layout.only_wave}, because "
            f"it has that wave's question names; --wave {layout.only_wave} states it."
        )
    if find(layout.year) is None and stated.year is None:
        problems.warn(
            f"The file has no {layout.year}, so the year of its fieldwork is not known; --year "
            "states it."
        )
    if file.is_joint and find(*layout.study, *layout.wave) is None:
        survey = "European Values Study" if layout.survey_id == EVS else "World Values Survey"
        problems.warn(
            f"The file has no {layout.study[0]}, which says whose respondents its rows are: all "
            f"were taken for the {survey}'s, as you stated."
        )
    used = [*(item.column for item in file.items)]
    used += [
        column
        for name in (*layout.country, *layout.country_number, *layout.wave, layout.weight)
        if (column := find(name)) is not None
    ]
    if others := file.source.other_spellings(used):
        problems.warn(
            f"{listed(others)} were left out: their names differ only in case from columns of the "
            "survey."
        )


def _tidy(
    source: Source, instrument: Instrument, options: LoadOptions, problems: Problems
) -> tuple[Load, Read]:
    survey = instrument.survey(options.survey_id or DEFAULT_SURVEY)
    columns = find_columns(source)
    if columns is None:
        raise _not_a_survey_file(source)
    _refuse_breakdowns(source.path, options)
    if others := source.other_spellings(columns.used):
        problems.warn(f"{listed(others)} were left out: their names differ only in case.")
    weighting = checked_weighting(options.weighting or "unstated")
    # Without a column for it, a file is of the wave that the user says or the survey's usual one.
    wave = options.wave if columns.wave else options.wave or survey.default_wave

    def read(connection: duckdb.DuckDBPyConnection, problems: Problems) -> Findings:
        return read_tidy(
            connection, source, columns, instrument, survey.survey_id, wave, weighting, problems
        )

    recorded = {"wave": str(wave)} if wave is not None else {}
    return _describe(source, survey.survey_id, weighting, columns.format_id, recorded), read


def _own_survey(
    folder: Path, instrument: Instrument, options: LoadOptions, problems: Problems, work: Path
) -> tuple[Load, Read]:
    """Return a survey with an instrument of its own, beside marginals like any other."""
    own = read_own_survey(folder, load_instrument().surveys, problems, survey_id=options.survey_id)
    if own is None:
        problems.raise_refusals()
        raise AssertionError("a survey that is not read is refused")
    source = open_source(own.marginals, work)
    load, read_marginals = _tidy(
        source,
        instrument.with_survey(own.instrument),
        replace(options, survey_id=own.instrument.survey_id),
        problems,
    )

    def read(connection: duckdb.DuckDBPyConnection, problems: Problems) -> Findings:
        return replace(read_marginals(connection, problems), own=own.instrument)

    return (
        replace(
            load,
            file_name=problems.path.name,
            file_sha256=own.sha256,
            file_bytes=sum(file.stat().st_size for file in own.files),
        ),
        read,
    )


def _globalopinionqa(
    source: Source, instrument: Instrument, options: LoadOptions
) -> tuple[Load, Read]:
    _refuse_breakdowns(source.path, options)
    if options.survey_id not in (None, globalopinionqa.SURVEY_ID):
        raise ValuescopeError(
            f"{source.path} is GlobalOpinionQA, which is a survey of its own. Leave --survey out."
        )
    wave = options.wave or globalopinionqa.WAVE

    def read(connection: duckdb.DuckDBPyConnection, problems: Problems) -> Findings:
        own = read_globalopinionqa(connection, source, problems, instrument, wave)
        rows = sum(1 for _ in own.questions) if own is not None else 0
        return Findings(rows, own=own)

    weighting = checked_weighting(options.weighting or "unstated")
    load = _describe(
        source, globalopinionqa.SURVEY_ID, weighting, globalopinionqa.FORMAT_ID, {"wave": str(wave)}
    )
    return load, read


def _refuse_breakdowns(path: Path, options: LoadOptions) -> None:
    if options.breakdowns:
        raise ValuescopeError(
            f"{path} holds marginals, not respondents, so they cannot be divided. Leave --by and "
            "--split-halves out."
        )
    if options.country or options.year or options.weighs_missing_as_one:
        raise ValuescopeError(
            f"{path} holds marginals, not respondents. Leave --country, --year and "
            "--missing-weights out."
        )


def _describe(
    source: Source,
    survey_id: str,
    weighting: str,
    format_id: str,
    recorded: dict[str, str],
    breakdowns: tuple[str, ...] = ("all",),
) -> Load:
    original = source.original
    return Load(
        survey_id=survey_id,
        # Loading one wave does not replace the file's other waves.
        wave_selection=recorded.get("wave"),
        weighting=weighting,
        file_name=original.name,
        file_sha256=source.sha256 or file_sha256(original),
        file_bytes=original.stat().st_size,
        format_id=format_id,
        options=recorded,
        breakdowns=breakdowns,
    )


def _not_a_survey_file(source: Source) -> ValuescopeError:
    edition = other_edition_of(source)
    if edition is not None:
        return ValuescopeError(f"{source.path} is {edition}.")
    tidy = "; ".join(missing_tidy_columns(source))
    wave7 = ", ".join((*WAVE7.country, *WAVE7.wave, WAVE7.year, WAVE7.weight, "Q1 to Q259"))
    series = ", ".join((TIME_SERIES.wave[0], "S003", TIME_SERIES.year, TIME_SERIES.weight))
    return ValuescopeError(
        f"{source.path} is not a survey file. Its columns are {listed(source.columns)}. "
        f"To be tidy marginals it lacks: {tidy}. "
        f"The official wave 7 file has {wave7}; the time series {series}. "
        "Rename its columns or load another file."
    )
