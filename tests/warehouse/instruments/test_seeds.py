"""The reader of the seeds; what the seeds say is specified in tests/instrument."""

import csv
import shutil
from pathlib import Path

import pytest

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import SEEDS
from valuescope.warehouse.instruments.seeds import COUNTRY_FREE, Instrument, load_instrument


@pytest.fixture(scope="module")
def instrument() -> Instrument:
    return load_instrument()


def test_every_row_of_the_seeds_is_read(instrument: Instrument) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        with (SEEDS / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    assert list(instrument.questions) == [row["question_id"] for row in rows("questions.csv")]
    assert list(instrument.countries) == [row["country_id"] for row in rows("countries.csv")]
    assert list(instrument.models) == [row["model_name"] for row in rows("models.csv")]
    assert list(instrument.categories) == [row["category_id"] for row in rows("categories.csv")]
    on_scale = [row for row in rows("choices.csv") if row["is_on_scale"] == "true"]
    read = [
        (coding, choice)
        for question in instrument.questions.values()
        for coding, choices in question.choices.items()
        for choice in choices
    ]
    assert len(read) == len(on_scale)


def test_choices_come_in_the_order_of_the_scale_with_their_codes(instrument: Instrument) -> None:
    happiness = instrument.question("Q46").choices

    assert [(choice.index, choice.survey_codes) for choice in happiness["native"]] == [
        (1, (1,)),
        (2, (2,)),
        (3, (3,)),
        (4, (4,)),
    ]
    assert [choice.survey_codes for choice in happiness["paper"]] == [(1,), (2,), (-1,), (3,), (4,)]


def test_folded_choices_stand_for_several_codes(instrument: Instrument) -> None:
    folded = instrument.question("Q182").choices["paper"]

    assert [choice.survey_codes for choice in folded] == [(1, 2, 3), (4, 5, 6, 7), (8, 9, 10)]


def test_codes_outside_the_scale_are_known_codes_without_a_choice(instrument: Instrument) -> None:
    question = instrument.question("Q111")

    assert question.codes_outside_scale["native"] == {3}
    assert question.known_codes == {1, 2, 3}
    assert all(choice.survey_codes != (3,) for choice in question.choices["native"])


def test_questions_are_found_in_any_case(instrument: Instrument) -> None:
    assert instrument.question("q182") is instrument.question("Q182")


@pytest.mark.parametrize(
    "name", ["KOR", "kor", " South Korea ", "Korea, Rep.", "REPUBLIC OF KOREA"]
)
def test_countries_are_found_by_code_and_by_any_name(instrument: Instrument, name: str) -> None:
    assert instrument.country(name).country_id == "KOR"


@pytest.mark.parametrize(
    ("code", "country_id"), [("GB", "GBR"), ("gb", "GBR"), (" De ", "DEU"), ("XK", "XKX")]
)
def test_countries_are_found_by_two_letters(
    instrument: Instrument, code: str, country_id: str
) -> None:
    assert instrument.country(code).country_id == country_id


@pytest.mark.parametrize("name", ["", "G", "G.B.", "QQ"])
def test_what_only_resembles_a_code_is_no_country(instrument: Instrument, name: str) -> None:
    with pytest.raises(ValuescopeError, match="Unknown country"):
        instrument.country(name)


def test_a_country_without_two_letters_has_its_other_names(instrument: Instrument) -> None:
    assert instrument.country("Northern Ireland").iso_alpha_2 is None
    assert instrument.country("NIR").known_as[:2] == ("NIR", "Northern Ireland")


def test_no_name_means_two_countries(instrument: Instrument) -> None:
    names = [
        name.casefold()
        for country in instrument.countries.values()
        for name in set(country.known_as)
    ]

    assert sorted(names) == sorted(set(names))


def test_every_number_means_one_country(instrument: Instrument) -> None:
    numbers = [code for country in instrument.countries.values() for code in country.numeric_codes]

    assert sorted(numbers) == sorted(set(numbers))
    assert instrument.country("BIH").numeric_codes == (70, 101, 914)


def test_the_country_free_prompt_is_no_country(instrument: Instrument) -> None:
    assert COUNTRY_FREE not in instrument.countries


def test_questions_of_categories_come_in_survey_order(instrument: Instrument) -> None:
    found = instrument.questions_of_categories(("migration", "happiness_and_wellbeing"))

    assert found[0].question_id == "Q46"
    assert found[-1].question_id == "Q130"
    assert {q.category_id for q in found} == {"migration", "happiness_and_wellbeing"}


@pytest.mark.parametrize(
    ("find", "phrase"),
    [
        (lambda i: i.question("Q1820"), "Unknown question 'Q1820'; did you mean Q182"),
        (lambda i: i.question("Q223"), "Questions are Q1 to Q259 without Q223"),
        (lambda i: i.country("Jappan"), "Unknown country 'Jappan'; did you mean Japan"),
        (lambda i: i.questions_of_categories(("migrations",)), "did you mean migration"),
        (lambda i: i.coding("papers"), "Unknown coding 'papers'; did you mean paper"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(
    instrument: Instrument, find: object, phrase: str
) -> None:
    assert callable(find)
    with pytest.raises(ValuescopeError, match=phrase):
        find(instrument)


def test_a_missing_seed_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(SEEDS, tmp_path / "seeds")
    (tmp_path / "seeds" / "models.csv").unlink()

    with pytest.raises(ValuescopeError, match=r"models\.csv is missing; restore it"):
        load_instrument(seeds=tmp_path / "seeds")
