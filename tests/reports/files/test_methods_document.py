"""The methods section and the registration form: filled from the marts, with blanks marked."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from valuescope.reports.files.methods_document import blank, methods_document
from valuescope.reports.files.methods_facts import AskedDesign, MethodsFacts, methods_facts
from valuescope.reports.files.report import make_report
from valuescope.warehouse.home import Home

STUDY = 'name = "values"\nmodels = ["a", "b", "c", "d", "e"]\n'
FINISHED = "status = 'finished', cells_planned = 5, cells_already_done = 2, cells_scored = 3"


@pytest.fixture(scope="module")
def facts(agreement: AgreementStudy) -> MethodsFacts:
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        return methods_facts(connection, agreement.home.landing, {})


@pytest.fixture
def changed(
    agreement: AgreementStudy, tmp_path: Path
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A copy of the study whose runs are finished and of one frozen study."""
    home = Home(tmp_path / "home")
    home.path.mkdir()
    shutil.copy(agreement.home.database, home.database)
    (home.landing / "studies").mkdir(parents=True)
    (home.landing / "studies" / "abc.toml").write_text(STUDY, encoding="utf-8")
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(
            f"update marts.dim_runs set {FINISHED}, study_name = 'values', study_sha256 = 'abc'"
        )
        connection.execute(
            "update marts.dim_runs set source_file = null, metadata_overrides = null"
        )
        yield connection, home.landing


def document(facts: MethodsFacts, surveys: str = "World Values Survey wave 7") -> str:
    return methods_document(
        facts,
        [],
        version="1.2",
        surveys=surveys,
        citation_keys=["valuescope", "wvs7"],
        bibliography="@misc{valuescope,\n}\n",
    )


def test_the_document_names_every_model_file_by_its_hash(agreement: AgreementStudy) -> None:
    text = make_report(agreement.home, format_name="methods").document
    assert text is not None
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        hashes = connection.sql("select model_id from marts.dim_models").fetchall()
        templates = connection.sql(
            "select distinct template_text from marts.dim_prompts"
        ).fetchall()
    assert len(hashes) == 4
    for (value,) in [*hashes, *templates]:
        assert f"| {value} |" in text
    assert "World Values Survey wave 7, 2017-2019, weighted within countries" in text
    assert "[@valuescope; @wvs7; @wvs_time_series]" in text
    assert "@misc{wvs7," in text


def test_counts_are_those_of_the_marts(agreement: AgreementStudy, facts: MethodsFacts) -> None:
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        (found,) = connection.sql(
            "select count(distinct question_id), count(distinct country_id), count(*) "
            "from marts.fct_mean_scores where country_id <> 'ZZZ'"
        ).fetchall()
    assert (len(facts.questions), len(facts.countries), facts.cells) == found
    assert facts.questions[:3] == ("Q1", "Q2", "Q3")
    text = document(facts)
    assert f"in {found[1]} countries answered to {found[0]} questions" in text
    assert "Countries: AND, ARG, BOL," in text
    assert ", and once without a country: " in text


def test_what_only_the_author_knows_is_marked(facts: MethodsFacts) -> None:
    text = document(facts, "World Values Survey wave 7, years not stated, weighting not stated")
    for what in ("why these", "title", "years of the interviews", "weighting", "its DOI"):
        assert blank(what) in text
    assert text.count(blank("licence of the weights")) == len(facts.models)
    assert blank("the survey") in document(facts, "no survey")


def test_nothing_is_said_of_what_was_not_done(facts: MethodsFacts) -> None:
    forward = AskedDesign(
        "paper", "valuescope", "en", "native", "label", "forward", "template", "likelihood"
    )
    text = document(replace(facts, designs=(forward,), is_asked_without_country=False))
    assert "without a country" not in text
    assert "reconstruction" not in text
    assert "the label alone" in text
    assert "label and text" not in text
    assert "in one order only" in text
    assert "sampled" not in text
    averaged = replace(facts, designs=(forward, replace(forward, choice_order="reverse")))
    both = document(replace(averaged, is_averaged=True))
    assert "shown as in the questionnaire and reversed; probabilities are averaged" in both


def test_a_study_is_shown_as_it_was_frozen_and_models_that_never_ran_are_a_deviation(
    changed: tuple[duckdb.DuckDBPyConnection, Path],
) -> None:
    facts = methods_facts(*changed, {})
    assert facts.deviations == (
        "The study values names 5 models, a, b, c, d, e; 1 of them were never run.",
    )
    text = document(facts)
    assert f"```toml\n{STUDY.rstrip()}\n```" in text
    assert "- The study values names 5 models" in text
    assert "No study file was frozen" not in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("status = 'failed', cells_scored = 1", "is failed and lacks 2 cells."),
        ("cells_scored = 2", "is finished and lacks 1 cell."),
        ("study_sha256 = 'def'", "The study values was changed: its runs are of abc, def."),
        ("study_sha256 = null", "1 scored run is not part of a study."),
        ("source_file = 'x'", "1 run is of answers that another program asked for."),
        ("metadata_overrides = '{}'", "Metadata replaced the model file's own in 1 of the runs."),
        ("numerics_id = 'n2'", "The runs of the study values were computed in 2 ways by 1 "),
    ],
)
def test_a_run_that_is_not_as_planned_is_a_deviation(
    changed: tuple[duckdb.DuckDBPyConnection, Path], change: str, said: str
) -> None:
    connection, landing = changed
    before = methods_facts(connection, landing, {}).deviations
    connection.execute(f"update marts.dim_runs set {change} where run_id = 'guessing-paper'")
    (new, *_) = [d for d in methods_facts(connection, landing, {}).deviations if d not in before]
    assert said in new


def test_without_a_study_the_plan_is_a_blank(facts: MethodsFacts) -> None:
    text = document(facts)
    assert "No study file was frozen" in text
    assert blank("where the plan is") in text
