"""Whom to cite: valuescope as its repository says, and each survey."""

import yaml

from valuescope.warehouse.exports.citation_files import citation_files, tool_and_surveys
from valuescope.warehouse.home import CLONE
from valuescope.warehouse.tables.citations import Citation
from valuescope.warehouse.version import project_version

POOLED = Citation(
    "wvs",
    "World Values Survey",
    "wave 7",
    "Haerpfer, C.; Inglehart, R. (eds.) (2022). Round Seven. doi:10.1/2",
    "@misc{wvs7,\n  editor = {Haerpfer, C. and Inglehart, R.},\n  title = {Round Seven},\n"
    "  year = {2022},\n  version = {6.0},\n  doi = {10.1/2}\n}",
)
UNKNOWN = Citation("mine", "My Survey", None, None, None)


def test_valuescope_is_cited_as_its_repository_says() -> None:
    ours = yaml.safe_load((CLONE / "CITATION.cff").read_text(encoding="utf-8"))
    written = yaml.safe_load(citation_files([])["CITATION.cff"])
    assert {key: ours[key] for key in written} == written
    assert "references" not in written


def test_a_survey_is_a_reference_with_its_editors_year_and_doi() -> None:
    written = yaml.safe_load(citation_files([POOLED, UNKNOWN])["CITATION.cff"])
    assert written["references"] == [
        {
            "type": "data",
            "title": "Round Seven",
            "authors": [
                {"family-names": "Haerpfer", "given-names": "C."},
                {"family-names": "Inglehart", "given-names": "R."},
            ],
            "year": 2022,
            "version": "6.0",
            "doi": "10.1/2",
            "notes": POOLED.text,
        },
        {"type": "data", "title": "My Survey", "authors": [{"name": "My Survey"}]},
    ]


def test_bibtex_has_both() -> None:
    text = tool_and_surveys([POOLED, UNKNOWN])
    assert text.startswith("@misc{valuescope,\n  author = {{valuescope contributors}},")
    assert f"version = {{{project_version()}}}" in text
    assert text.endswith(f"\n{POOLED.bibtex}\n")
