"""Groups, years and invented countries by the commands: asked, stated, exported, brought back."""

import csv
import io
import re
from pathlib import Path

import pytest

from tests.scorer.tiny_models import write_tiny_model
from tests.valuescope.conftest import fail, run, succeed
from tests.valuescope.tiny_study import landed

ASKED = ("--answer", "label", "--chat", "raw", "--questions", "Q57,Q1", "--countries", "JPN,USA")
MORE = ("--by", "sex", "--by", "year=1990", "--placebos", "3")
OF_COUNTRIES = (None, "sex=male", "sex=female", "year=1990")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    write_tiny_model(path, "llama")
    return path


def subjects(home: Path) -> set[tuple[object, ...]]:
    return {(row["country_id"], row["group_id"], row["placebo_id"]) for row in landed(home)}


def test_more_subjects_land_beside_countries_and_a_dry_run_states_their_cost(
    tmp_path: Path, model: Path
) -> None:
    home = tmp_path / "home"
    score = ("score", "--model", str(model), *ASKED)
    forecast = run(home, *score, *MORE, "--dry-run")
    assert forecast.returncode == 0
    # Two questions about two groups and a year of two countries and three invented countries.
    assert re.search(
        r"Groups and invented countries: 18 of the cells, [\d,]+ of the tokens \([\d.]+ a cell; "
        r"countries alone take [\d,]+\)",
        forecast.stderr.decode(),
    )
    succeed(home, *score)
    succeed(home, *score, *MORE)
    assert subjects(home) == {
        ("ZZZ", None, None),
        *(("ZZZ", None, name) for name in ("Velundria", "Kelumba", "Tashmir")),
        *((c, group, None) for c in ("JPN", "USA") for group in OF_COUNTRIES),
    }
    assert sorted(run["cells_scored"] for run in landed(home, "runs")) == [6, 18]


def test_a_study_names_subjects_too(tmp_path: Path, model: Path) -> None:
    study = tmp_path / "study.toml"
    text = """
models = ["tiny.gguf"]
countries = ["JPN"]
questions = ["Q57"]
by = ["sex", "urban", "year=1990,2018"]
placebos = 2

[[designs]]
answers = "label"
chat = "raw"
"""
    study.write_text(text)
    succeed(tmp_path / "home", "score", "--study", str(study))
    assert len(subjects(tmp_path / "home")) == 2 + 4 + 2 + 2
    for wrong, message in (
        (
            text.replace("placebos = 2", "placebos = 200"),
            "There are 24 invented countries, not 200",
        ),
        (text.replace("placebos = 2", 'placebos = "2"'), "'placebos' must be a number"),
        (text.replace('"urban"', '"urbane"'), "did you mean urban"),
        (text.replace("1990", "19"), "'year=19,2018' is not a list of years"),
    ):
        study.write_text(wrong)
        assert message in fail(tmp_path / "home", "score", "--study", str(study))
    given = fail(tmp_path / "home", "score", "--study", str(study), "--by", "sex", code=2)
    assert "--by cannot be given together with --study" in given


def test_groups_that_nobody_loaded_are_announced(tmp_path: Path, model: Path) -> None:
    survey = tmp_path / "answers.csv"
    survey.write_text("country,question,code,count\nUSA,Q57,1,5\nJPN,Q57,2,5\n", "utf-8")
    home = tmp_path / "home"
    succeed(home, "ingest", str(survey))
    by = ("--by", "age,sex", "--by", "year=1990")
    told = run(home, "score", "--model", str(model), *ASKED, *by).stderr.decode()
    assert "wvs:7:unstated:all is not loaded in groups by sex,age" in told
    assert "valuescope ingest FILE --by sex,age" in told
    assert "Loaded people were asked in unknown years; other waves: valuescope ingest" in told


def test_what_is_exported_about_groups_comes_back_as_their_answers(tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked = succeed(home, "questions", *ASKED, *MORE)
    rows = list(csv.DictReader(io.StringIO(asked)))
    assert "Q57/JPN:sex=female/forward/answer=label;chat=raw" in {row["id"] for row in rows}
    path = tmp_path / "answers.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["model", "id", "choice", "count"])
        writer.writerows(["mine", row["id"], row["choice"], 1 + n] for n, row in enumerate(rows))
    succeed(home, "land", str(path))
    assert len(subjects(home)) == 3 + 4 + 2 + 3
    assert len(landed(home)) == len(rows)
    women = [row for row in landed(home) if row["group_id"] == "sex=female"]
    assert all("women" in str(row["prompt_text"]) for row in women)
    years = [row for row in landed(home) if row["group_id"] == "year=1990"]
    assert all(re.search("In .* in 1990, Answer:", str(row["prompt_text"])) for row in years)


def test_a_file_may_name_groups_in_a_column(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "answers.csv"
    path.write_text(
        "model,question,country,group,choice,count\n"
        'mine,Q57,JPN,"age=30-49, sex=female",1,3\n'
        'mine,Q57,JPN,"age=30-49, sex=female",2,4\n'
        "mine,Q57,JPN,,1,4\n"
        "mine,Q57,JPN,,2,4\n"
    )
    succeed(home, "land", str(path))
    assert subjects(home) == {("JPN", "sex=female,age=30-49", None), ("JPN", None, None)}
    path.write_text(path.read_text().replace("sex=female", "sex=women"))
    refused = fail(home, "land", str(path))
    assert "Unknown group 'age=30-49, sex=women'" in refused
    assert "sex=female,age=30-49" in refused


def test_a_prompt_about_a_group_or_an_invented_country_is_shown(
    tmp_path: Path, model: Path
) -> None:
    prompt = ("prompt", "--model", str(model), "--question", "Q57", "--chat", "raw")
    shown = succeed(tmp_path, *prompt, "--country", "Japan", "--group", "urban=rural")
    assert "Answer of people living in the countryside in Japan:" in shown
    shown = succeed(tmp_path, *prompt, "--country", "Japan", "--group", "year=1990")
    assert "In Japan in 1990, Answer:" in shown
    assert "In Zumari, Answer:" in succeed(tmp_path, *prompt, "--placebo", "Zumari")
    assert "did you mean Zumari" in fail(tmp_path, *prompt, "--placebo", "Zumary")
    for wrong in (("--group", "sex=male"), ("--placebo", "Zumari", "--country", "JPN")):
        assert run(tmp_path, *prompt, *wrong).returncode == 2
