"""Names, values and paths appear as they are, whatever signs they contain."""

import json
import shutil
from pathlib import Path

import pytest

from tests.valuescope.conftest import succeed, write_survey

AWKWARD = "it's [red] [!x] * ?"


@pytest.mark.parametrize("value", ["[bold]x[/bold]", "[/z]", r"\[/z]", "wvs:9:x:y :x:", "a[0]"])
def test_a_value_with_signs_of_terminal_markup_is_shown_unchanged(study: Path, value: str) -> None:
    text = succeed(study, "sql", f"select '{value}' as \"{value}\"")
    assert text.count(value) == 2


def test_a_file_name_with_signs_of_terminal_markup_is_shown_unchanged(tmp_path: Path) -> None:
    survey = write_survey(tmp_path / "answers [b] [-b].csv")
    assert survey.name in succeed(tmp_path / "home", "ingest", str(survey))
    assert survey.name in succeed(
        tmp_path / "home", "sql", "select file_name from raw.survey_loads"
    )


def test_status_reads_a_home_of_any_name(study: Path, tmp_path: Path) -> None:
    home = tmp_path / AWKWARD
    shutil.copytree(study, home)
    text = succeed(home, "status")
    assert str(home) in text
    assert "up to date" in text
    assert "42" in text


def test_damaged_shards_are_named_with_what_to_do(study: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(study, home)
    (home / "landing" / "schema=1" / "runs" / "damaged.parquet").write_bytes(b"PAR1 cut off")
    shown = succeed(home, "status").replace("\n", " ")
    assert "Set aside as damaged:" in shown
    assert str(home / "landing" / "damaged" / "runs" / "damaged.parquet") in shown


def test_json_keeps_letters_beyond_ascii(study: Path) -> None:
    text = succeed(study, "sql", "select 'Türkiye' as name", "--format", "json")
    assert "Türkiye" in text
    assert json.loads(text) == [{"name": "Türkiye"}]
