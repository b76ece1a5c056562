"""Citations of the loaded surveys, as they ask to be cited."""

from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class Citation:
    """One edition of a survey's data: as text and as a BibTeX entry.

    `edition` is None where a survey has one only, the others where its files name no citation.
    """

    survey_id: str
    survey_name: str
    edition: str | None
    text: str | None
    bibtex: str | None


def loaded_citations(connection: duckdb.DuckDBPyConnection) -> tuple[Citation, ...]:
    """Return the citations of each loaded survey by key; none before the first build.

    Of a survey with several editions all are named, because a file of shares does not say which
    one it was made from.
    """
    tables = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'marts'"
    ).fetchall()
    if not {("dim_citations",), ("dim_surveys",)} <= set(tables):
        return ()
    rows = connection.execute(
        """
        select
            citations.survey_id,
            surveys.survey_name,
            citations.edition,
            citations.citation,
            citations.bibtex
        from marts.dim_citations as citations
        inner join marts.dim_surveys as surveys on citations.survey_id = surveys.survey_id
        semi join raw.survey_loads as loads on citations.survey_id = loads.survey_id
        order by citations.citation_id
        """
    ).fetchall()
    return tuple(Citation(*row) for row in rows)


def bibliography(citations: tuple[Citation, ...]) -> str:
    """Return the citations as the text of a `.bib` file; empty without any."""
    return "\n\n".join(c.bibtex for c in citations if c.bibtex) + "\n" if citations else ""
