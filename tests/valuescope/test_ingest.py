import json
from pathlib import Path

import pytest

from tests.valuescope.conftest import fail, run, succeed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("country,code,share\nUSA,1,1\n", "lacks: question"),
        ("country,question,code,share\nUSA,Q1,1,0.5\nUSA,Q1,2,0.2\n", "do not sum to 1"),
        ("", "empty.csv"),
    ],
)
def test_a_file_that_is_no_survey_is_refused_and_nothing_is_loaded(
    tmp_path: Path, content: str, message: str
) -> None:
    survey = tmp_path / "empty.csv"
    survey.write_text(content, encoding="utf-8")
    assert message in fail(tmp_path / "home", "ingest", str(survey))
    assert "no survey yet" in succeed(tmp_path / "home", "status")


def test_codes_outside_the_instrument_are_named_and_kept(tmp_path: Path) -> None:
    survey = tmp_path / "answers.csv"
    survey.write_text("country,question,code,share\nUSA,Q1,1,0.5\nUSA,Q1,99,0.5\n", "utf-8")
    finished = run(tmp_path, "ingest", str(survey))
    assert finished.returncode == 0
    assert "Q1 has code 99" in finished.stderr.decode()
    rows = json.loads(
        succeed(tmp_path, "sql", "select code from raw.human_marginals order by 1", "--format=json")
    )
    assert rows == [{"code": 1}, {"code": 99}]
    assert "not yet; run `valuescope build`" in succeed(tmp_path, "status")
    assert "run `valuescope build`" in fail(tmp_path, "report")
