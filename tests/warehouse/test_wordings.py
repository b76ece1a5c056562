"""Wording sets: whose words are asked, where, and which sets are refused."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import (
    COUNTRY_FREE,
    Instrument,
    Question,
    load_instrument,
)
from valuescope.warehouse.instruments.wordings import (
    OUR_WORDINGS,
    WordingSet,
    load_wording_set,
    wording_set_names,
)

BAD_SETS = tomllib.loads(Path(__file__).with_name("bad_wordings.toml").read_text(encoding="utf-8"))[
    "set"
]
QUESTIONS = """\
question_id,country_id,wording
Q1,,Wie wichtig ist Ihnen Ihre Familie?
Q1,CHE,Wie wichtig ist Ihnen die Familie?
Q2,DEU,Wie wichtig sind Ihnen Freunde?
"""
CHOICES = """\
coding_id,question_id,choice_index,country_id,choice_text
native,Q1,1,,Sehr wichtig
native,Q1,2,,Ziemlich wichtig
native,Q1,3,,Nicht sehr wichtig
native,Q1,4,,Überhaupt nicht wichtig
native,Q1,2,CHE,Eher wichtig
native,Q2,1,,Sehr wichtig
native,Q2,2,,Ziemlich wichtig
native,Q2,3,,Nicht sehr wichtig
native,Q2,4,,Überhaupt nicht wichtig
"""
COUNTRIES = "country_id,country_name\nCHE,der Schweiz\nDEU,Deutschland\n"


def write_set(home: Home, name: str, language: str, **files: str) -> Path:
    folder = home.wordings / name
    folder.mkdir(parents=True)
    facts = f'language = "{language}"\ntranslator = "Erika Muster"\nsource = "WVS-7"\n'
    (folder / "set.toml").write_text(facts, encoding="utf-8")
    for file, text in files.items():
        (folder / f"{file}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def instrument() -> Instrument:
    return load_instrument()


@pytest.fixture
def german_folder(home: Home) -> Path:
    return write_set(
        home, "deutsch", "de", questions=QUESTIONS, choices=CHOICES, countries=COUNTRIES
    )


@pytest.fixture
def german(german_folder: Path, home: Home, instrument: Instrument) -> WordingSet:
    return load_wording_set(home, german_folder.name, instrument)


def texts(question: Question, coding_id: str = "native") -> list[str]:
    return [choice.text for choice in question.choices[coding_id]]


class TestOurs:
    def test_it_is_the_seeds_themselves_and_needs_no_folder(
        self, home: Home, instrument: Instrument
    ) -> None:
        ours = load_wording_set(home, "valuescope", instrument)

        assert ours is OUR_WORDINGS
        assert ours.language == "en"
        for question in instrument.questions.values():
            for coding_id in instrument.codings:
                assert ours.reword(question, coding_id, "JPN") == question
                assert ours.covers(question, coding_id, COUNTRY_FREE)
        for country in instrument.countries.values():
            assert ours.country_name(country) == country.name

    def test_a_users_set_of_the_same_name_is_refused(
        self, home: Home, instrument: Instrument
    ) -> None:
        write_set(home, "valuescope", "en")

        for name in ("valuescope", "deutsch"):
            with pytest.raises(ValuescopeError, match="valuescope has the name of the project's"):
                load_wording_set(home, name, instrument)


class TestSetsOfOnesOwn:
    def test_they_are_listed_after_ours(self, home: Home, german_folder: Path) -> None:
        (german_folder.parent / ".git").mkdir()
        (german_folder.parent / "notes.txt").touch()

        assert wording_set_names(home) == ["valuescope", "deutsch"]

    def test_an_unknown_set_is_answered_with_the_nearest_and_all_there_are(
        self, home: Home, instrument: Instrument, german_folder: Path
    ) -> None:
        with pytest.raises(ValuescopeError) as refusal:
            load_wording_set(home, "deutch", instrument)

        assert "Unknown wording set 'deutch'; did you mean deutsch?" in str(refusal.value)
        assert "Sets: valuescope, deutsch." in str(refusal.value)
        assert str(home.wordings) in str(refusal.value)

    @pytest.mark.parametrize("name", ["../wordings/deutsch", ".", ""])
    def test_a_set_is_named_by_its_folder_not_by_a_path(
        self, home: Home, instrument: Instrument, german_folder: Path, name: str
    ) -> None:
        with pytest.raises(ValuescopeError, match="Unknown wording set"):
            load_wording_set(home, name, instrument)

    def test_they_say_language_translator_and_source(self, german: WordingSet) -> None:
        assert (german.name, german.language) == ("deutsch", "de")
        assert (german.translator, german.source) == ("Erika Muster", "WVS-7")

    def test_they_give_a_question_its_words_and_nothing_else(
        self, german: WordingSet, instrument: Instrument
    ) -> None:
        question = instrument.question("Q1")
        reworded = german.reword(question, "native", "DEU")

        assert reworded.wording == "Wie wichtig ist Ihnen Ihre Familie?"
        assert texts(reworded) == [
            "Sehr wichtig",
            "Ziemlich wichtig",
            "Nicht sehr wichtig",
            "Überhaupt nicht wichtig",
        ]
        assert [(c.index, c.survey_codes) for c in reworded.choices["native"]] == [
            (c.index, c.survey_codes) for c in question.choices["native"]
        ]
        assert reworded.category_id == question.category_id

    def test_a_countrys_own_rows_win_over_those_of_every_country(
        self, german: WordingSet, instrument: Instrument
    ) -> None:
        swiss = german.reword(instrument.question("Q1"), "native", "CHE")

        assert swiss.wording == "Wie wichtig ist Ihnen die Familie?"
        assert texts(swiss)[:2] == ["Sehr wichtig", "Eher wichtig"]

    def test_a_question_is_covered_where_it_has_a_wording_and_choices(
        self, german: WordingSet, instrument: Instrument
    ) -> None:
        family, friends = instrument.question("Q1"), instrument.question("Q2")

        assert german.covers(family, "native", "CHE")
        assert german.covers(family, "native", COUNTRY_FREE)
        assert not german.covers(family, "paper", "CHE")
        assert german.covers(friends, "native", "DEU")
        assert not german.covers(friends, "native", "CHE")
        assert not german.covers(friends, "native", COUNTRY_FREE)

    @pytest.mark.parametrize(
        ("coding_id", "countries", "unworded"),
        [
            ("native", ["CHE", "DEU"], ["Q3"]),
            ("native", ["CHE"], ["Q2", "Q3"]),
            ("native", [], ["Q2", "Q3"]),
            ("paper", ["CHE", "DEU"], ["Q1", "Q2", "Q3"]),
        ],
    )
    def test_questions_that_are_worded_nowhere_are_told(
        self,
        german: WordingSet,
        instrument: Instrument,
        coding_id: str,
        countries: list[str],
        unworded: list[str],
    ) -> None:
        questions = [instrument.question(name) for name in ("Q1", "Q2", "Q3")]
        found = german.unworded(questions, coding_id, map(instrument.country, countries))

        assert [question.question_id for question in found] == unworded

    @pytest.mark.parametrize(
        ("question_id", "coding_id", "country_id", "says"),
        [
            ("Q3", "native", "CHE", r"no wording for Q3 in CHE.*questions\.csv"),
            ("Q2", "native", COUNTRY_FREE, r"no wording for Q2 without a country"),
            ("Q1", "paper", "CHE", r"choices in the coding 'paper' for Q1.*choices\.csv"),
        ],
    )
    def test_what_is_not_worded_is_not_asked_in_our_words(
        self,
        german: WordingSet,
        instrument: Instrument,
        question_id: str,
        coding_id: str,
        country_id: str,
        says: str,
    ) -> None:
        with pytest.raises(ValuescopeError, match=says):
            german.reword(instrument.question(question_id), coding_id, country_id)

    def test_countries_have_names_in_the_sets_language_or_none(
        self, german: WordingSet, instrument: Instrument
    ) -> None:
        assert german.country_name(instrument.country("CHE")) == "der Schweiz"
        with pytest.raises(ValuescopeError, match=r"no name for Japan.* JPN into .*countries\.csv"):
            german.country_name(instrument.country("JPN"))

    def test_what_a_spreadsheet_writes_is_read(
        self, german_folder: Path, home: Home, instrument: Instrument
    ) -> None:
        path = german_folder / "questions.csv"
        rows = 'note,question_id,country_id,wording\n,Q1,,"Wie wichtig, ehrlich, ist Familie? "\n\n'
        path.write_bytes(b"\xef\xbb\xbf" + rows.replace("\n", "\r\n").encode())

        german = load_wording_set(home, "deutsch", instrument)

        reworded = german.reword(instrument.question("Q1"), "native", "DEU")
        assert reworded.wording == "Wie wichtig, ehrlich, ist Familie?"


class TestEnglishSets:
    @pytest.mark.parametrize("language", ["en", "en-GB"])
    def test_they_keep_our_choices_and_country_names_where_they_have_none(
        self, home: Home, instrument: Instrument, language: str
    ) -> None:
        question = instrument.question("Q1")
        rows = "question_id,country_id,wording\nQ1,,Does family matter to you?\n"
        names = "country_id,country_name\nUSA,the United States of America\n"
        write_set(home, "mine", language, questions=rows, countries=names)

        mine = load_wording_set(home, "mine", instrument)
        reworded = mine.reword(question, "paper", "USA")

        assert reworded.wording == "Does family matter to you?"
        assert texts(reworded, "paper") == texts(question, "paper")
        assert mine.country_name(instrument.country("USA")) == "the United States of America"
        assert mine.country_name(instrument.country("JPN")) == "Japan"

    def test_they_ask_only_the_questions_that_they_list(
        self, home: Home, instrument: Instrument
    ) -> None:
        rows = "question_id,country_id,wording\nQ1,,Does family matter to you?\n"
        write_set(home, "mine", "en", questions=rows)

        mine = load_wording_set(home, "mine", instrument)

        assert not mine.covers(instrument.question("Q2"), "native", "USA")

    def test_without_a_list_of_questions_they_ask_ours(
        self, home: Home, instrument: Instrument
    ) -> None:
        rows = CHOICES.replace("Sehr wichtig", "Extremely important")
        write_set(home, "mine", "en", choices=rows)

        mine = load_wording_set(home, "mine", instrument)

        family = mine.reword(instrument.question("Q1"), "native", "USA")
        assert family.wording == instrument.question("Q1").wording
        assert texts(family)[0] == "Extremely important"
        assert mine.reword(instrument.question("Q3"), "native", "USA") == instrument.question("Q3")


@pytest.mark.parametrize("case", BAD_SETS, ids=lambda case: case["case"])
def test_a_bad_set_is_refused_with_file_and_fault(
    case: dict[str, Any], german_folder: Path, home: Home, instrument: Instrument
) -> None:
    file = german_folder / case["file"]
    if "text" in case:
        file.write_text(case["text"], encoding="utf-8")
    else:
        file.unlink()

    with pytest.raises(ValuescopeError) as refusal:
        load_wording_set(home, "deutsch", instrument)

    message = str(refusal.value)
    assert str(german_folder) in message
    for phrase in case["says"]:
        assert phrase in message


@pytest.mark.parametrize("file", ["set.toml", "questions.csv"])
def test_a_file_in_another_encoding_is_refused(
    german_folder: Path, home: Home, instrument: Instrument, file: str
) -> None:
    path = german_folder / file
    path.write_bytes(path.read_text(encoding="utf-8").replace("i", "ü").encode("latin-1"))

    with pytest.raises(ValuescopeError, match=f"Cannot read .*{file}"):
        load_wording_set(home, "deutsch", instrument)
