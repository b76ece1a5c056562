"""Surveys of one's own: folders as people write them, read, refused and stored."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from valuescope.ingest.marginals.own_survey import OwnSurvey, is_own_survey, read_own_survey
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument
from valuescope.warehouse.instruments.surveys import store_instrument
from valuescope.warehouse.problems import Problems

EXAMPLE = CLONE / "docs" / "examples" / "neighbours"
QUESTIONS = """\
question_id,wording,short_label,scale_kind,category
ppltrst,"Can most people be trusted, from 0 to 10?",Trust,Ordinal,Trust & people
happy,Are you happy?,Happiness,binary,Life
"""
CHOICES = """\
question_id,choice_index,choice_text,survey_codes
ppltrst,1,Low,0|1|2|3|4|5
ppltrst,2,High,6|7|8|9|10
happy,1,Yes,1
happy,2,No,2
happy,,It depends,3
"""
MARGINALS = "country,question,code,share\nJPN,happy,1,0.5\nJPN,happy,2,0.5\n"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_folder(name: str = "ess", **files: str | None) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        texts: dict[str, str | None] = {
            "questions.csv": QUESTIONS,
            "choices.csv": CHOICES,
            "marginals.csv": MARGINALS,
        }
        texts |= {name.replace("_", "."): text for name, text in files.items()}
        for file, text in texts.items():
            if text is not None:
                (folder / file).write_text(text, encoding="utf-8")
        return folder

    return write_folder


def read(folder: Path, **names: str) -> OwnSurvey:
    problems = Problems(folder)
    survey = read_own_survey(folder, {"wvs"}, problems, **names)
    problems.raise_refusals()
    assert survey is not None
    return survey


def installed(folder: Path, home: Home, **names: str) -> Instrument:
    store_instrument(home, read(folder, **names).instrument)
    return load_instrument(home)


def test_a_folder_with_questions_or_choices_is_a_survey(write: Write, tmp_path: Path) -> None:
    assert is_own_survey(write())
    assert is_own_survey(write("half", questions_csv=None))
    assert not is_own_survey(tmp_path)
    assert not is_own_survey(tmp_path / "nowhere")


def test_what_a_folder_says_is_what_the_home_then_has(write: Write, home: Home) -> None:
    instrument = installed(write(), home)

    trust, happy = instrument.questions_of_survey("ess")
    assert (trust.question_id, trust.scale_kind) == ("ess:ppltrst", "ordinal")
    assert trust.wording == "Can most people be trusted, from 0 to 10?"
    assert trust.category_id == "ess:trust_people"
    assert [c.survey_codes for c in trust.choices["native"]] == [
        (0, 1, 2, 3, 4, 5),
        (6, 7, 8, 9, 10),
    ]
    assert happy.codes_outside_scale["native"] == {3}
    assert instrument.survey("ess").name == "ess"
    assert instrument.survey("ess").default_wave == 1


def test_the_instrument_is_the_same_before_and_after_it_is_stored(write: Write, home: Home) -> None:
    own = read(write()).instrument

    before = load_instrument().with_survey(own)
    store_instrument(home, own)

    assert load_instrument(home) == before


def test_facts_about_the_survey_come_from_its_file_and_arguments_win(
    write: Write, home: Home
) -> None:
    facts = 'survey_id = "my_ess"\nsurvey_name = "ESS"\ndefault_wave = 9\ndoi = "10.1/x"\n'
    folder = write(survey_toml=facts)

    instrument = installed(folder, home)
    assert instrument.survey("my_ess").doi == "10.1/x"
    assert instrument.survey("my_ess").default_wave == 9

    named = installed(folder, home, survey_id="other", survey_name="Other")
    assert named.survey("other").name == "Other"
    assert list(named.surveys) == ["wvs", "evs", "my_ess", "other"]


def test_a_folder_s_name_becomes_a_short_name(write: Write) -> None:
    assert read(write("European Survey-9")).instrument.survey_id == "european_survey_9"


def test_optional_columns_are_read(write: Write, home: Home) -> None:
    folder = write(
        questions_csv="question_id,wording,short_label,scale_kind,category,battery,polarity,pole,"
        "caution\na,A?,A,binary,X,both,+1,good,Beware.\ness:b,B?,B,binary,X,both,,,\n",
        choices_csv="question_id,choice_index,choice_text,survey_codes,is_on_scale,coding\n"
        "a,1,Yes,1,yes,\na,2,No,2,TRUE,native\na,,Other,3,no,\n"
        "a,1,Yes,1,,paper\na,2,Don't know,-1,,paper\na,3,No,2,,paper\n"
        "b,1,Yes,1,,\nb,2,No,2,,\n",
    )
    own = read(folder).instrument
    instrument = installed(folder, home)

    assert [row["battery_id"] for _, row in own.questions] == ["ess:both", "ess:both"]
    assert [row["polarity"] for _, row in own.questions] == ["1", ""]
    assert own.questions[0][1]["caution"] == "Beware."
    paper = instrument.question("ess:a").choices["paper"]
    assert [choice.text for choice in paper] == ["Yes", "Don't know", "No"]
    dont_know = [row["choice_text"] for _, row in own.choices if row["is_dont_know"] == "true"]
    assert dont_know == ["Don't know"]


def test_columns_without_a_part_are_named(write: Write) -> None:
    folder = write(
        questions_csv=QUESTIONS.replace("category\n", "category,polarty\n")
        .replace("people\n", "people,1\n")
        .replace("Life\n", "Life,\n")
    )
    problems = Problems(folder)

    assert read_own_survey(folder, {"wvs"}, problems) is not None
    assert problems.warnings == ["Columns of questions.csv that play no part: polarty."]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"choices_csv": None},
            "is a survey of your own without choices.csv. A survey is a folder",
        ),
        ({"marginals_csv": None}, "without marginals.csv"),
        ({"survey_toml": 'survey_id = "wvs"'}, "the survey_id 'wvs' of a survey that valuescope"),
        ({"survey_toml": "name = 1"}, "has the unknown key 'name' in survey.toml. Keys: survey_id"),
        ({"survey_toml": "survey_id = x"}, "has a survey.toml that cannot be read"),
        ({"survey_toml": "default_wave = true"}, "has the default_wave True in survey.toml"),
        (
            {"questions_csv": QUESTIONS.replace("Ordinal", "scale")},
            "has the unknown scale_kind 'scale' for ess:ppltrst",
        ),
        (
            {"questions_csv": QUESTIONS.replace(",Life", ",")},
            r"has no category for ess:happy. Correct line 3 of",
        ),
        ({"questions_csv": QUESTIONS.replace("wording", "text")}, "must have the column 'wording'"),
        (
            {"choices_csv": CHOICES.replace("6|7", "5|7")},
            "has the code 5 of ess:ppltrst twice. Correct line 3 of",
        ),
        ({"choices_csv": CHOICES.replace("happy,2", "hapy,2")}, "unknown question 'ess:hapy'"),
        ({"choices_csv": CHOICES.replace("happy,2", "happy,3")}, "has the indexes 1, 3"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    write: Write, files: dict[str, str | None], says: str
) -> None:
    with pytest.raises(ValuescopeError) as refusal:
        read(write(**files))

    assert says in str(refusal.value)


def test_all_faults_of_all_files_are_told(write: Write) -> None:
    folder = write(
        questions_csv=QUESTIONS.replace("binary", "binar"),
        choices_csv=CHOICES.replace("Low", "").replace("No,2", "No,x"),
    )
    problems = Problems(folder)

    assert read_own_survey(folder, {"wvs"}, problems) is None
    assert len(problems.refusals) == 3


def test_a_change_in_any_file_is_another_survey(write: Write, tmp_path: Path) -> None:
    folder = write(survey_toml='survey_name = "ESS"\n')
    first = read(folder)
    assert first.sha256 == read(Path(shutil.copytree(folder, tmp_path / "copy" / "ess"))).sha256

    hashes = {first.sha256}
    for path in sorted(folder.iterdir()):
        path.write_text(path.read_text() + "\n")
        hashes.add(read(folder).sha256)
    assert len(hashes) == 5


def test_the_example_of_the_documentation_is_a_survey(home: Home) -> None:
    instrument = installed(EXAMPLE, home)

    assert instrument.survey("neighbours").name == "Survey of Neighbours"
    assert len(instrument.questions_of_survey("neighbours")) == 7
    assert list(instrument.categories)[-2:] == ["neighbours:trust", "neighbours:together"]
