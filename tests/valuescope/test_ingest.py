import json
from pathlib import Path

import pytest

from tests.ingest.survey_files import Respondent, Survey, write_wave7_csv, zipped
from tests.valuescope.conftest import fail, run, succeed

PEOPLE = tuple(
    Respondent(
        country_id=country,
        wave=7,
        year=2018,
        weight=0.5 + number % 3,
        interview=number,
        mode="2",
        sex=1 + number % 2,
        age=20 + number,
        education=1 + number % 3,
        urban=1 + number % 2,
        answers={"Q1": 1 + number % 2, "Q57": 1 + number % 2, "Q181": 1 + number % 10},
    )
    for country in ("JPN", "USA")
    for number in range(40)
)
SURVEY = Survey(PEOPLE, ("Q1", "Q57", "Q181"))


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


def test_people_that_are_loaded_already_take_a_yes_and_can_be_forgotten(tmp_path: Path) -> None:
    home, survey = tmp_path / "home", tmp_path / "answers.csv"
    survey.write_text("country,question,code,count\nUSA,Q1,1,5\n", "utf-8")
    succeed(home, "ingest", str(survey))

    told = fail(home, "ingest", str(survey), "--weighting", "unweighted")
    assert "The same people are loaded from answers.csv (unstated" in told
    assert "Repeat with --yes" in told
    succeed(home, "ingest", str(survey), "--weighting", "unweighted", "--yes")
    status = succeed(home, "status")
    assert "people of wvs: wvs:7:unstated:all (1 country, 1 answer by country): it" in status
    assert "covers the same as wvs:7:unweighted:all, and its weighting comes first" in status

    told = fail(home, "forget", "answers.csv")
    assert "answers.csv: survey wvs, wave 7, unweighted, all" in told
    assert "Repeat with --yes" in told
    assert "answers.csv" in succeed(home, "status")
    succeed(home, "forget", "answers.csv", "--yes")
    assert "no survey yet" in succeed(home, "status")


def test_a_check_tells_what_a_file_holds_and_loads_nothing(tmp_path: Path) -> None:
    survey = zipped(write_wave7_csv(SURVEY, tmp_path / "survey.csv"))
    finished = run(tmp_path / "home", "ingest", str(survey), "--check")
    assert finished.returncode == 0
    told = finished.stdout.decode()
    assert "survey.csv: wvs7_csv, survey wvs, wave 7, release 6-0-0 (2024-04-30)" in told
    assert "JPN" in told
    assert "0.50-2.50" in told
    assert "Questions of the instrument that the file lacks, 255" in told
    assert "Nothing was loaded; the file can be." in finished.stderr.decode()
    assert "no survey yet" in succeed(tmp_path / "home", "status")


def test_a_check_of_a_faulty_file_fails_and_is_complete_as_json(tmp_path: Path) -> None:
    survey = write_wave7_csv(SURVEY, tmp_path / "survey.csv")
    survey.write_text(survey.read_text().replace("JPN", "JAP").replace(",2018,", ",18,"))
    finished = run(tmp_path / "home", "ingest", str(survey), "--check", "--json")
    assert finished.returncode == 1
    report = json.loads(finished.stdout)
    assert [problem["what"][:30] for problem in report["refusals"]] == [
        "has rows whose A_YEAR is not a",
        "names a country that is not kn",
    ]
    table = run(tmp_path / "home", "ingest", str(survey), "--check")
    assert table.returncode == 1
    assert "Cannot be loaded, 2 faults:" in table.stdout.decode()
    assert "has 2 faults; nothing was loaded" in fail(tmp_path / "home", "ingest", str(survey))


def test_groups_and_halves_are_populations_beside_everybody(tmp_path: Path) -> None:
    survey = write_wave7_csv(SURVEY, tmp_path / "survey.csv")
    home = tmp_path / "home"
    succeed(
        home,
        *("ingest", str(survey), "--by", "sex", "--by", "age,sex", "--minimum-cell", "20"),
        *("--split-halves", "2"),
    )
    succeed(home, "build", "--select", "+dim_populations +dim_fieldwork +dim_citations")
    rows = json.loads(
        succeed(
            home,
            "sql",
            "select breakdown, subgroup_id, sex, age_group, half, is_reference, country_count "
            "from dim_populations order by all",
            "--format=json",
        )
    )
    assert [row["subgroup_id"] for row in rows if row["is_reference"]] == ["all"]
    by_sex = [row for row in rows if row["breakdown"] == "sex"]
    assert [(row["sex"], row["country_count"]) for row in by_sex] == [("female", 2), ("male", 2)]
    # Of age and sex only cells of 20 respondents are left: there are none in 40 people.
    assert not [row for row in rows if row["breakdown"] == "sex,age"]
    halves = [row for row in rows if row["half"] is not None]
    assert [row["half"] for row in halves] == [1, 2, 1, 2]
    provenance = json.loads(
        succeed(
            home,
            "sql",
            "select country_id, dim_fieldwork.first_year, mode, release, doi from dim_fieldwork "
            "inner join dim_populations using (population_id) where is_reference order by all",
            "--format=json",
        )
    )
    assert provenance[0] == {
        "country_id": "JPN",
        "first_year": 2018,
        "mode": "code 2",
        "release": "6-0-0 (2024-04-30)",
        "doi": "doi.org/10.14281/18241.24",
    }
    citation = succeed(home, "sql", "select bibtex from dim_citations", "--format=csv")
    assert "@misc{wvs7," in citation


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "religion"], "Unknown trait 'religion'"),
        (["--by", "sex,sex"], "names no trait or one of them twice"),
        (["--weighting", "heavy"], "Invalid value for '--weighting'"),
        (["--json"], "--json goes with --check"),
        (["--sample", "--by", "sex"], "Name a FILE, or ask for --sample"),
        (["--member", "x.csv"], "is not a ZIP archive"),
        (["--survey", "ess"], "Leave --survey out"),
        (["--wave", "6"], "is a wave 7 file"),
    ],
)
def test_what_does_not_go_together_is_said(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    survey = write_wave7_csv(SURVEY, tmp_path / "survey.csv")
    finished = run(tmp_path / "home", "ingest", str(survey), *arguments)
    assert finished.returncode in (1, 2)
    assert message in finished.stderr.decode()
