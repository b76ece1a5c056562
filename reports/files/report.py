"""A report of a home: what its models' tables say, as values or as files."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from valuescope.reports.exhibits.catalogue import COMPARING, EXHIBITS
from valuescope.reports.exhibits.exhibit import Exhibit, Row
from valuescope.reports.exhibits.filled_exhibit import FilledExhibit, fill_exhibits
from valuescope.reports.exhibits.finding import findings
from valuescope.reports.exhibits.methods import EXHIBITS as METHODS_EXHIBITS
from valuescope.reports.files.methods_document import methods_document
from valuescope.reports.files.methods_facts import methods_facts
from valuescope.reports.files.output_files import write_output, write_outputs
from valuescope.reports.files.report_files import (
    as_json,
    as_markdown,
    csv_files,
    png_files,
    svg_files,
)
from valuescope.reports.page.page import Origin, html
from valuescope.reports.terminal.agreement import (
    Agreement,
    category_agreement,
    continent_agreement,
    country_agreement,
    question_agreement,
)
from valuescope.reports.terminal.summary import Design, compared, designs
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.errors import ValuescopeError, WrongUsageError, unknown_name
from valuescope.warehouse.exports.citation_files import tool_and_surveys
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.build_record import last_build
from valuescope.warehouse.tables.caveats import caveats, compared_surveys
from valuescope.warehouse.tables.citations import loaded_citations
from valuescope.warehouse.version import project_version

PAGE, FOLDER = Path("report.html"), Path("report")
DOCUMENTS = {"md": as_markdown, "json": as_json}
METHODS = "methods"
_FILES: dict[str, Callable[[Iterable[FilledExhibit]], Iterator[tuple[str, bytes]]]] = {
    "svg": svg_files,
    "png": png_files,
    "csv": csv_files,
}
FORMATS = ("html", *DOCUMENTS, METHODS, *_FILES)


@dataclass(frozen=True)
class Summary:
    """How close one model, asked in one way, is to people; best first.

    `finding` says in a sentence what the page says of the design, and is None where it says
    nothing. `comparisons` are exhibits with their rows, where two models are compared.
    """

    design: Design
    finding: str | None
    countries: Sequence[Agreement]
    continents: Sequence[Agreement]
    categories: Sequence[Agreement]
    questions: Sequence[Agreement]
    comparisons: Sequence[tuple[Exhibit, Sequence[Row]]]


@dataclass(frozen=True)
class Report:
    """Summaries with their caveats where no format was asked for; else files, or the document."""

    summaries: tuple[Summary, ...] = ()
    caveats: str = ""
    files: tuple[Path, ...] = ()
    document: str | None = None


def make_report(
    home: Home,
    *,
    model: str | None = None,
    prompt: str | None = None,
    compare: tuple[str, str] | None = None,
    format_name: str | None = None,
    output: Path | None = None,
    overwrite: bool = False,
    country: str | None = None,
    question: str | None = None,
) -> Report:
    """Report on the models of `home`: a summary, a page, a document or a folder of files.

    `md`, `json` and `methods` are returned as a document unless `output` names a file. Raises
    WrongUsageError for arguments that contradict each other, ValuescopeError when nothing is
    built, for an unknown name, and for a file that exists.
    """
    if compare and model:
        raise WrongUsageError("--compare names the models; leave --model out.")
    if output and format_name is None:
        raise WrongUsageError(f"--output needs --format: {', '.join(FORMATS)}.")
    if format_name is not None and format_name not in FORMATS:
        raise unknown_name("format", format_name, FORMATS, f"Formats: {', '.join(FORMATS)}.")
    connection = open_for_reading(home)
    try:
        # Sums in one order: the same warehouse gives the same digits, down to the last.
        connection.execute("set threads = 1")
        if compare:
            shown = compared(connection, *compare, prompt)
        else:
            shown = designs(connection, model, prompt)
        exhibits = (*COMPARING, *EXHIBITS) if compare else EXHIBITS
        if format_name is None:
            summaries = tuple(_summaries(connection, shown, in_order=compare is None))
            return Report(summaries=summaries, caveats=caveats(connection))
        if format_name == "html":
            page = html(connection, shown, _origin(home), exhibits)
            write_output(output or PAGE, page.encode(), overwrite)
            return Report(files=(output or PAGE,))
        chosen = _chosen(connection, country, question)
        parts = fill_exhibits(connection, exhibits, shown, chosen)
        if format_name in _FILES:
            files = _FILES[format_name](parts)
            return Report(files=write_outputs(output or FOLDER, files, overwrite))
        if format_name == METHODS:
            document = _methods(connection, home)
        else:
            document = DOCUMENTS[format_name](parts, project_version(), caveats(connection))
        if output is None:
            return Report(document=document)
        write_output(output, document.encode(), overwrite)
        return Report(files=(output,))
    finally:
        connection.close()


def _summaries(
    connection: duckdb.DuckDBPyConnection, shown: Sequence[Design], in_order: bool
) -> Iterator[Summary]:
    """Yield a summary of each design; `in_order` as the page has them, the highest r first."""
    said = {one.design: one.sentence for one in findings(connection, shown)}
    ordered = dict.fromkeys([*said, *shown]) if in_order else shown
    for design in ordered:
        yield _summary(connection, design, said.get(design))


def _summary(connection: duckdb.DuckDBPyConnection, design: Design, finding: str | None) -> Summary:
    return Summary(
        design,
        finding,
        country_agreement(connection, design),
        continent_agreement(connection, design),
        category_agreement(connection, design),
        question_agreement(connection, design),
        [(exhibit, exhibit.rows(connection, design.parameters)) for exhibit in COMPARING]
        if design.compared_with
        else [],
    )


def _methods(connection: duckdb.DuckDBPyConnection, home: Home) -> str:
    bibliography = tool_and_surveys(loaded_citations(connection))
    return methods_document(
        methods_facts(connection, home.landing, _origin(home).variables),
        fill_exhibits(connection, METHODS_EXHIBITS, (), {}),
        version=project_version(),
        surveys=compared_surveys(connection),
        citation_keys=re.findall(r"^@\w+{([^,]+),", bibliography, re.MULTILINE),
        bibliography=bibliography,
    )


def _origin(home: Home) -> Origin:
    built = last_build(home)
    return Origin(project_version(), dict(built.variables) if built else {})


def _chosen(
    connection: duckdb.DuckDBPyConnection, country: str | None, question: str | None
) -> dict[str, str]:
    """Return what exhibits follow. Raises ValuescopeError for what no model was asked about."""
    chosen = {"category_id": "all"}
    for name, value in (("country_id", country), ("question_id", question)):
        if value is None:
            continue
        asked = connection.execute(f"select distinct {name} from marts.fct_mean_scores").fetchall()
        ids = {str(row[0]).upper(): str(row[0]) for row in asked}
        if value.upper() not in ids:
            what, _ = name.split("_")
            raise ValuescopeError(
                f"No model was asked about {what} {value}. Asked about are: `valuescope sql "
                f'"select distinct {name} from fct_mean_scores"`.'
            )
        chosen[name] = ids[value.upper()]
    return chosen
