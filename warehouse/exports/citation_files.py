"""Whom to cite, for programs: CITATION.cff and a BibTeX file, of valuescope and the surveys."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from valuescope.warehouse.tables.citations import Citation, bibliography
from valuescope.warehouse.version import project_version

CITATION = "CITATION.cff"
BIBLIOGRAPHY = "citation.bib"
# As in the CITATION.cff of the repository, which a wheel does not have.
TITLE = "valuescope"
MESSAGE = "Please cite this software and the survey whose data you use."
AUTHOR = "valuescope contributors"
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},?$", re.MULTILINE)
_KEPT_FIELDS = ("year", "version", "doi")


def citation_files(citations: Sequence[Citation]) -> dict[str, str]:
    """Return name and text of both files: valuescope, and the loaded surveys."""
    return {CITATION: _citation_cff(citations), BIBLIOGRAPHY: tool_and_surveys(citations)}


def tool_and_surveys(citations: Sequence[Citation]) -> str:
    """Return a BibTeX entry of valuescope and one of each loaded survey."""
    tool = (
        f"@misc{{{TITLE},\n  author = {{{{{AUTHOR}}}}},\n  title = {{{TITLE}}},\n"
        f"  version = {{{project_version()}}},\n  note = {{Software, MIT licence}}\n}}\n"
    )
    surveys = bibliography(tuple(citations)).strip()
    return f"{tool}\n{surveys}\n" if surveys else tool


def _citation_cff(citations: Sequence[Citation]) -> str:
    content: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": MESSAGE,
        "title": TITLE,
        "type": "software",
        "version": project_version(),
        "license": "MIT",
        "authors": [{"name": AUTHOR}],
    }
    if citations:
        content["references"] = [_reference(citation) for citation in citations]
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _reference(citation: Citation) -> dict[str, Any]:
    """Return a survey's edition as CFF has it; without known authors the survey is its author."""
    fields = dict(_FIELD.findall(citation.bibtex or ""))
    names = fields["editor"].split(" and ") if "editor" in fields else [citation.survey_name]
    title = " ".join(filter(None, (citation.survey_name, citation.edition)))
    reference: dict[str, Any] = {
        "type": "data",
        "title": fields.get("title", title),
        "authors": [_author(name) for name in names],
    }
    reference |= {name: fields[name] for name in _KEPT_FIELDS if name in fields}
    if "year" in reference:
        reference["year"] = int(reference["year"])
    return reference | ({"notes": citation.text} if citation.text else {})


def _author(name: str) -> dict[str, str]:
    family, comma, given = name.partition(", ")
    return {"family-names": family, "given-names": given} if comma else {"name": name}
