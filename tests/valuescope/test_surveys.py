"""Asking the questions of another survey than the World Values Survey."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.valuescope.conftest import fail, succeed
from tests.warehouse.own_surveys import write_survey
from valuescope.warehouse.home import Home

PROMPT = ("prompt", "--model", "smollm2-135m-instruct", "--chat", "raw")
SCORE = (
    *("score", "--model", "smollm2-135m-instruct", "--answer", "label", "--compute", "f32"),
    *("--countries", "JPN"),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = Home(tmp_path / "home")
    write_survey(home)
    return home.path


def landed_questions(home: Path) -> set[str]:
    shards = (Home(home).landing / "choice_log_likelihoods").glob("[!_]*.parquet")
    return {
        question_id
        for shard in shards
        for question_id in pq.read_table(shard, partitioning=None)["question_id"].to_pylist()
    }


@pytest.mark.parametrize(
    "options",
    [("--question", "leisure:club"), ("--survey", "leisure", "--question", "club")],
    ids=["by its whole id", "by its name in the survey"],
)
def test_a_question_is_shown(home: Path, options: tuple[str, ...]) -> None:
    shown = succeed(home, *PROMPT, *options)

    assert "Question: Are you in a sports club?\nChoices: A) Yes, B) No\nAnswer:" in shown


def test_a_whole_survey_is_asked_and_no_other(home: Path) -> None:
    succeed(home, *SCORE, "--survey", "leisure")

    assert landed_questions(home) == {"leisure:Q1", "leisure:club", "leisure:novel"}


def test_names_and_categories_are_those_of_the_survey(home: Path) -> None:
    succeed(home, *SCORE, "--survey", "leisure", "--questions", "q1", "--categories", "reading")

    assert landed_questions(home) == {"leisure:Q1", "leisure:novel"}


def test_questions_of_two_surveys_are_asked_together(home: Path) -> None:
    succeed(home, *SCORE, "--questions", "Q1,leisure:Q1")

    assert landed_questions(home) == {"Q1", "leisure:Q1"}


def test_a_study_names_its_survey(home: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        'models = ["smollm2-135m-instruct"]\nsurvey = "leisure"\nquestions = ["club"]\n'
        'countries = ["JPN"]\ndesigns = [{ answers = "label", orders = ["cyclic"] }]\n'
    )

    succeed(home, "score", "--study", str(study), "--compute", "f32")

    assert landed_questions(home) == {"leisure:club"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--survey", "leisur"),
            "Unknown survey 'leisur'; did you mean leisure? Surveys: wvs, evs, leis",
        ),
        (
            ("--questions", "leisure:clubs"),
            "Unknown question 'leisure:clubs'; did you mean leisure",
        ),
        (("--questions", "Q223"), "Questions are Q1 to Q259 without Q223. Those of leisure are"),
        (
            ("--survey", "leisure", "--categories", "sports"),
            "Unknown category 'sports'; did you mean leisure:sport?",
        ),
    ],
)
def test_unknown_names_are_told_with_the_nearest(
    home: Path, options: tuple[str, ...], says: str
) -> None:
    assert says in fail(home, *SCORE, *options)


def test_a_survey_stands_in_the_study_not_beside_it(home: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text('models = ["smollm2-135m-instruct"]\n')

    message = fail(home, "score", "--study", str(study), "--survey", "leisure", code=2)

    assert "--survey cannot be given together with --study" in message
