"""`valuescope report`: the terminal's summary, and the same as a page, documents and files."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.valuescope.conftest import fail, run_apart, succeed

PNG = b"\x89PNG\r\n\x1a\n"


def test_the_report_shows_every_country_with_its_blind_baseline(study: Path) -> None:
    text = succeed(study, "report", "--all")
    assert "blind" in text
    assert "order not controlled" in text
    for name in ("United States", "Japan", "Germany", "Brazil", "Nigeria", "Egypt"):
        assert name in text
    assert "not its values" in text


def test_the_report_says_first_what_the_page_says(study: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    succeed(study, "report", "--format", "html", "--output", str(page))
    sentence = next(line for line in succeed(study, "report").splitlines() if line[:3] == "r .")
    assert sentence.endswith("No verdict: the choices were shown in one order only.")
    assert sentence in page.read_text(encoding="utf-8")


def test_the_report_prints_the_r_of_the_mart(study: Path) -> None:
    r = json.loads(
        succeed(
            study,
            *("sql", "--format", "json"),
            "select pearson_r from agg_country_correlations where country_id = 'JPN'",
        )
    )[0]["pearson_r"]
    row = next(line for line in succeed(study, "report", "--all").splitlines() if "Japan" in line)
    assert f"{r:.2f}" in row


def test_an_unknown_model_in_a_report_is_answered_with_the_known_ones(study: Path) -> None:
    assert "smollm2-135m-instruct" in fail(study, "report", "--model", "gpt")


def test_the_page_is_one_file_and_the_same_file_each_time(study: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    for file in (first, second):
        assert succeed(study, "report", "--format", "html", "--output", str(file)) == ""
    assert first.read_bytes() == second.read_bytes()
    page = first.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    before_scripts = page.split("<script", maxsplit=1)[0]
    assert "SmolLM2 135M Instruct" in before_scripts
    assert "No verdict: the choices were shown in one order only." in before_scripts


def test_the_methods_are_a_document_that_names_the_file_scored(study: Path) -> None:
    text = succeed(study, "report", "--format", "methods")
    model_id = json.loads(succeed(study, "sql", "--format", "json", "from dim_models"))[0][
        "model_id"
    ]
    assert f"| {model_id} |" in text
    assert "6 countries answered to 6 questions" in text
    assert "**[FILL IN: title]**" in text


@pytest.mark.parametrize("form", ["svg", "png", "csv"])
def test_every_figure_and_table_is_a_file(study: Path, tmp_path: Path, form: str) -> None:
    folder = tmp_path / "figures"
    arguments = ("report", "--format", form, "--output", str(folder))
    # Apart, because a process counts the gradients of all its pictures on.
    first = run_apart(study, *arguments, "--country", "jpn", "--question", "Q2")
    assert first.returncode == 0, first.stderr.decode()
    names = {file.name.split("--")[0].removesuffix(f".{form}") for file in folder.iterdir()}
    assert {"country_agreement", "country_scatter", "question_countries", "answer_shares"} <= names
    assert {file.suffix for file in folder.iterdir()} == {f".{form}"}
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert "--overwrite" in fail(study, *arguments)
    run_apart(study, *arguments, "--country", "JPN", "--question", "Q2", "--overwrite")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_figure_shows_text_as_text_and_fetches_nothing(study: Path, tmp_path: Path) -> None:
    succeed(study, "report", "--format", "svg", "--output", str(tmp_path))
    (file,) = tmp_path.glob("country_agreement--*.svg")
    drawn = file.read_text(encoding="utf-8")
    assert ">Japan</text>" in drawn
    assert "url(http" not in drawn
    assert "currentColor" not in drawn


def test_a_png_is_a_picture(study: Path, tmp_path: Path) -> None:
    succeed(study, "report", "--format", "png", "--output", str(tmp_path))
    for file in tmp_path.iterdir():
        assert file.read_bytes().startswith(PNG)


def test_a_table_holds_all_digits_of_its_mart(study: Path, tmp_path: Path) -> None:
    succeed(study, "report", "--format", "csv", "--output", str(tmp_path))
    (file,) = tmp_path.glob("country_agreement--*.csv")
    shown = {row["country_id"]: row["pearson_r"] for row in _rows(file.read_text("utf-8"))}
    query = "select country_id, pearson_r from agg_country_correlations"
    assert shown == {
        row["country_id"]: row["pearson_r"]
        for row in _rows(succeed(study, "sql", "--format", "csv", query))
    }


def test_the_document_for_programs_has_each_query_and_its_rows(study: Path) -> None:
    document = json.loads(succeed(study, "report", "--format", "json", "--country", "JPN"))
    exhibits = {exhibit["exhibit_id"]: exhibit for exhibit in document["exhibits"]}
    scatter = exhibits["country_scatter"]
    assert scatter["chosen"] == {"country_id": "JPN", "category_id": "all"}
    again = json.loads(succeed(study, "sql", "--format", "json", scatter["query"]))
    assert scatter["rows"] == again
    assert "not its values" in document["caveats"]


def test_the_document_for_people_is_a_table_and_a_query_each(study: Path, tmp_path: Path) -> None:
    document = succeed(study, "report", "--format", "md")
    assert "| Japan | Asia |" in document
    assert "```sql\nselect" in document
    file = tmp_path / "report.md"
    succeed(study, "report", "--format", "md", "--output", str(file))
    assert file.read_text("utf-8") == document


def test_nothing_that_exists_is_replaced_unasked(study: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("mine")
    assert "--overwrite" in fail(study, "report", "--format", "html", "--output", str(file))
    assert file.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(study: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "report.html"
    assert str(nowhere) in fail(study, "report", "--format", "html", "--output", str(nowhere))
    file = tmp_path / "file"
    file.touch()
    assert str(file) in fail(study, "report", "--format", "csv", "--output", str(file))


@pytest.mark.parametrize("option", ["--country", "--question"])
def test_an_unknown_country_or_question_is_named(study: Path, option: str) -> None:
    assert "nowhere" in fail(study, "report", "--format", "csv", option, "nowhere")


def test_a_model_is_not_compared_with_itself(study: Path) -> None:
    model = "smollm2-135m-instruct"
    assert "cannot be compared" in fail(study, "report", "--compare", model, model)


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
