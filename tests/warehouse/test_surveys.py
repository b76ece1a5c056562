"""Surveys beside the seeds': what is read from a home, stored into one, and refused."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.own_surveys import FILES, write_survey
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.instruments.surveys import (
    OwnInstrument,
    faults,
    read_own_instruments,
    store_instrument,
)

BAD_SURVEYS = tomllib.loads(Path(__file__).with_name("bad_surveys.toml").read_text())["survey"]


@pytest.fixture
def own(home: Home) -> OwnInstrument:
    write_survey(home)
    (found,) = read_own_instruments(home, {"wvs"})
    return found


def edit(home: Home, file: str, old: str, new: str) -> None:
    path = home.surveys / "leisure" / f"{file}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_home_without_surveys_has_the_seeds_instrument(home: Home) -> None:
    assert load_instrument(home) is load_instrument()


def test_a_survey_stands_behind_the_seeds(home: Home) -> None:
    write_survey(home)
    seeds, instrument = load_instrument(), load_instrument(home)

    assert list(instrument.questions) == [
        *seeds.questions,
        "leisure:Q1",
        "leisure:club",
        "leisure:novel",
    ]
    assert list(instrument.categories) == [*seeds.categories, "leisure:sport", "leisure:reading"]
    leisure = instrument.survey("leisure")
    assert (leisure.name, leisure.default_wave, leisure.doi) == ("Leisure Survey", 2, None)
    assert "leisure" not in load_instrument().surveys


def test_choices_and_codes_are_those_of_the_files(home: Home) -> None:
    write_survey(home)
    running = load_instrument(home).question("leisure:Q1")

    assert [(c.text, c.survey_codes) for c in running.choices["native"]] == [
        ("Never", (0,)),
        ("Sometimes", (1, 2)),
        ("Often", (3,)),
    ]
    assert running.known_codes == {0, 1, 2, 3, 7}


def test_a_name_is_looked_up_in_the_survey_that_is_meant(home: Home) -> None:
    write_survey(home)
    instrument = load_instrument(home)

    assert instrument.question("Q1").survey_id == "wvs"
    assert instrument.question("q1", "leisure").question_id == "leisure:Q1"
    assert instrument.question("Leisure:CLUB").question_id == "leisure:club"
    assert instrument.question("Q2", "leisure").question_id == "Q2"
    found = instrument.questions_of_categories(("sport", "leisure:reading"), "leisure")
    assert [q.question_id for q in found] == ["leisure:Q1", "leisure:club", "leisure:novel"]


def test_unknown_names_are_told_with_those_of_the_survey(home: Home) -> None:
    write_survey(home)
    instrument = load_instrument(home)

    with pytest.raises(ValuescopeError, match="'leisre'; did you mean leisure"):
        instrument.survey("leisre")
    with pytest.raises(
        ValuescopeError, match=r"did you mean leisure:novel.* are leisure:Q1 to leisure:novel\."
    ):
        instrument.question("leisure:novels")
    with pytest.raises(ValuescopeError, match="did you mean club"):
        instrument.question("clubs", "leisure")
    with pytest.raises(ValuescopeError, match="Those of leisure are named with --survey"):
        instrument.question("club")
    with pytest.raises(ValuescopeError, match="did you mean leisure:sport"):
        instrument.questions_of_categories(("sports",), "leisure")
    with pytest.raises(ValuescopeError, match="Unknown category 'sport'"):
        instrument.questions_of_categories(("sport",))


def test_files_of_spreadsheets_are_read(home: Home) -> None:
    folder = write_survey(home)
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        path.write_text("\ufeff" + text.replace("\n", "\r\n"), encoding="utf-8", newline="")

    assert load_instrument(home).question("leisure:Q1").wording == "How often do you run?"


@pytest.mark.parametrize("bad", BAD_SURVEYS, ids=lambda bad: bad["case"])
def test_a_bad_survey_is_refused_with_file_and_line(home: Home, bad: dict[str, Any]) -> None:
    old, new = bad["replace"]
    assert old in FILES[bad["file"]]
    write_survey(home, **{bad["file"]: FILES[bad["file"]].replace(old, new, 1)})

    with pytest.raises(ValuescopeError) as refusal:
        load_instrument(home)

    for phrase in bad["says"]:
        assert phrase in str(refusal.value)


def test_a_missing_file_is_named(home: Home) -> None:
    (write_survey(home) / "choices.csv").unlink()

    with pytest.raises(ValuescopeError, match=r"Cannot read .*leisure/choices\.csv"):
        load_instrument(home)


def test_all_faults_are_told_at_once(home: Home) -> None:
    write_survey(home, choices=FILES["choices"].replace("Never", "").replace("Crime,1", "Crime,2"))

    with pytest.raises(ValuescopeError, match="has 2 faults"):
        load_instrument(home)


def test_what_is_stored_is_what_is_read(own: OwnInstrument, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")

    folder = store_instrument(other, own)

    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        f"{name}.csv": text for name, text in FILES.items()
    }
    assert load_instrument(other).question("leisure:club").choices["native"][1].text == "No"
    assert [path.name for path in folder.parent.parent.iterdir()] == ["surveys"]


def test_a_survey_stored_again_is_replaced_as_a_whole(home: Home, own: OwnInstrument) -> None:
    shorter = replace(
        own,
        categories=own.categories[:1],
        questions=own.questions[:1],
        choices=own.choices[:4],
    )
    assert not list(faults(shorter, {"wvs"}))

    store_instrument(home, shorter)

    assert list(load_instrument(home).questions)[-1] == "leisure:Q1"


def test_edits_in_the_home_outlive_a_survey_that_keeps_them(home: Home, own: OwnInstrument) -> None:
    edit(home, "questions", "nominal", "ordinal")
    edit(home, "choices", "Crime", "Crime stories")
    questions = [(remedy, dict(row)) for remedy, row in own.questions]
    choices = [(remedy, dict(row)) for remedy, row in own.choices]
    remedy, added = questions[0][0], questions[0][1] | {"question_id": "leisure:new"}
    new_choices = [(p, r | {"question_id": "leisure:new"}) for p, r in choices[:4]]
    again = replace(
        own,
        questions=((remedy, added), *questions[1:]),
        choices=(*new_choices, *choices[4:]),
        keeps_edits=True,
    )

    store_instrument(home, again)

    instrument = load_instrument(home)
    assert instrument.question("leisure:novel").scale_kind == "ordinal"
    assert instrument.question("leisure:novel").choices["native"][0].text == "Crime stories"
    assert [q.question_id for q in instrument.questions_of_survey("leisure")] == [
        "leisure:Q1",
        "leisure:club",
        "leisure:novel",
        "leisure:new",
    ]


def test_a_folder_that_cannot_be_written_keeps_what_it_has(home: Home, own: OwnInstrument) -> None:
    before = (home.surveys / "leisure" / "questions.csv").read_bytes()
    # A file where the staged folder would be.
    (home.surveys.parent / ".leisure.next").write_text("")

    with pytest.raises(ValuescopeError, match=r"Cannot write .*leisure"):
        store_instrument(home, own)

    assert (home.surveys / "leisure" / "questions.csv").read_bytes() == before
