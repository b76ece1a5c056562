"""Files of a report: one for each exhibit and design, and names that every file system takes."""

from dataclasses import replace

from valuescope.reports.exhibits.catalogue import EXHIBITS
from valuescope.reports.exhibits.filled_exhibit import FilledExhibit
from valuescope.reports.files.report_files import as_markdown, csv_files, file_name
from valuescope.reports.terminal.summary import Design

EXHIBIT = next(exhibit for exhibit in EXHIBITS if exhibit.exhibit_id == "country_agreement")


def filled(design: Design | None, **chosen: str) -> FilledExhibit:
    row = dict.fromkeys((name for column in EXHIBIT.columns for name in column.names), None)
    row |= {"country_name": "A|B <i>`C`", "pearson_r": -0.126, "question_count": 5}
    return FilledExhibit(EXHIBIT, design, chosen, [row], "select 1")


def test_two_precisions_of_one_model_do_not_share_a_file(design: Design) -> None:
    other = replace(design, model_id="ffffffffffff")
    assert file_name(filled(design)) != file_name(filled(other))


def test_a_model_against_two_surveys_does_not_share_a_file(design: Design) -> None:
    other = replace(design, population_id="own:1:unweighted:all")
    assert file_name(filled(design)) != file_name(filled(other))


def test_a_name_holds_nothing_that_a_file_system_refuses(design: Design) -> None:
    named = replace(design, model_name='../a b/ü"<🦙>.gguf')
    name = file_name(filled(named, country_id="JPN", category_id="all"))
    assert "/" not in name
    assert not set(name) & set(' "<>🦙')
    assert name.startswith("country_agreement--")
    assert name.endswith("--JPN")


def test_a_table_of_a_document_shows_names_as_they_are(design: Design) -> None:
    document = as_markdown([filled(design)], "1.0", "Mind the survey.")
    assert r"| A\|B \<i\>\`C\` | -.13 | 5 |" in document
    assert "```sql\nselect 1\n```" in document


def test_a_csv_keeps_every_digit_and_leaves_null_empty(design: Design) -> None:
    ((_, content),) = csv_files([filled(design)])
    heading, line = content.decode().splitlines()
    assert dict(zip(heading.split(","), line.split(","), strict=True))["pearson_r"] == "-0.126"
    assert dict(zip(heading.split(","), line.split(","), strict=True))["ci_low"] == ""
