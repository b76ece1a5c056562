import re

import pytest

from valuescope.scorer.planning.study import (
    Study,
    design_grid,
    freeze_study,
    load_study,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.status.loaded import LoadedPeople

MINIMAL = 'models = ["smollm2-135m-instruct"]\n'


@pytest.fixture
def example() -> str:
    """The study that the documentation shows."""
    text = (CLONE / "docs" / "studies.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    return str(shown)


def load(home: Home, instrument: Instrument, text: str, name: str = "study.toml") -> Study:
    home.path.mkdir(parents=True, exist_ok=True)
    path = home.path / name
    path.write_text(text, encoding="utf-8")
    return load_study(path, home, instrument, what_is_loaded)


def what_is_loaded(survey_id: str | None) -> LoadedPeople:
    return LoadedPeople(survey_id or "wvs", "people", ("JPN", "USA"), ("Q57", "Q182"))


def test_the_documented_study_is_every_combination_of_its_designs(
    home: Home, instrument: Instrument, example: str
) -> None:
    study = load(home, instrument, example)
    plan = study.plan
    assert plan.models == ("smollm2-135m-instruct", "gemma-3-270m")
    assert [(d.answer_style, d.choice_order) for d in plan.designs] == [
        ("label", "forward"),
        ("label", "reverse"),
        ("label_text", "forward"),
        ("label_text", "reverse"),
    ]
    assert [country.country_id for country in plan.countries] == ["JPN", "USA", "DEU"]
    assert {question.category_id for question in plan.questions} == {"ethical_values"}
    assert plan.study is not None
    assert (plan.study.name, plan.study.sha256) == ("does-order-matter", study.sha256)


def test_a_design_table_names_ways_to_elicit_each_with_its_own_template_and_answer(
    home: Home, instrument: Instrument
) -> None:
    ways = """
    [[designs]]
    elicit = ["likelihood", "sampled", "verbalised"]
    draws = 50
    temperature = 2
    """
    designs = load(home, instrument, MINIMAL + ways).plan.designs
    assert [(d.elicitation, d.template.template_id, d.answer_style) for d in designs] == [
        ("likelihood", "paper", "label_text"),
        ("sampled", "paper", "label_text"),
        ("verbalised", "percentages", "label"),
    ]
    assert (designs[1].draws, designs[1].temperature) == (50, 2.0)
    for wrong, message in (
        ('elicit = "probability"', "'probability'. Known: likelihood, sampled, verbalised"),
        ("draws = 50", "for sampled answers only"),
        ('elicit = "sampled"\ndraws = "many"', "'draws' must be a number, not 'many'"),
        ('elicit = "sampled"\ndraws = 0', "from 1 to"),
    ):
        with pytest.raises(ValuescopeError, match=message):
            load(home, instrument, f"{MINIMAL}[[designs]]\n{wrong}\n")


def test_a_study_without_more_than_models_asks_everything_as_score_does(
    home: Home, instrument: Instrument
) -> None:
    study = load(home, instrument, MINIMAL, "mine.toml")
    assert study.name == "mine"
    assert len(study.plan.questions) == len(instrument.questions)
    assert len(study.plan.countries) == 66
    (design,) = study.plan.designs
    assert (design.answer_style, design.template.template_id) == ("label_text", "paper")


def test_the_hash_is_of_the_content_not_of_the_layout(home: Home, instrument: Instrument) -> None:
    one = load(home, instrument, MINIMAL)
    commented = load(home, instrument, f"# a remark\n\n{MINIMAL}")
    changed = load(home, instrument, f'{MINIMAL}countries = ["JPN"]\n')
    assert one.sha256 == commented.sha256 != changed.sha256


def test_a_frozen_study_is_kept_word_by_word(home: Home, instrument: Instrument) -> None:
    study = load(home, instrument, MINIMAL)
    kept = freeze_study(study, home)
    assert kept.stem == study.sha256
    assert kept.read_text(encoding="utf-8") == MINIMAL


def test_a_path_of_a_model_counts_from_the_study_file(home: Home, instrument: Instrument) -> None:
    study = load(home, instrument, 'models = ["models/mine.gguf"]\n')
    assert study.plan.models == (str((home.path / "models" / "mine.gguf").resolve()),)


def test_rotations_are_as_many_as_the_longest_list_allows(
    home: Home, instrument: Instrument
) -> None:
    designs = design_grid(home, instrument, orders=("forward", "cyclic"))
    assert [design.choice_order for design in designs] == [
        "forward",
        *(f"rotate_{places}" for places in range(1, 10)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = [", "Cannot read the study"),
        ("", "'models' must be a list of names, not None"),
        ("models = [1]", r"'models' must be a list of names, not \[1\]"),
        (
            f'{MINIMAL}country = ["JPN"]',
            "Unknown entry in the study 'country'; did you mean",
        ),
        (f'{MINIMAL}countries = ["JAP"]', "Unknown country 'JAP'; did you mean JPN"),
        (f'{MINIMAL}questions = ["Q900"]', "Unknown question 'Q900'"),
        (f'{MINIMAL}coding = "natural"', "Unknown coding 'natural'"),
        (f'{MINIMAL}primary_outcome = "pearson_r"', "'primary_outcome' had no effect"),
        (f'{MINIMAL}[[designs]]\norder = "forward"', "Unknown entry in a design 'order'"),
        (f'{MINIMAL}[[designs]]\norders = "upward"', "Unknown choice order 'upward'"),
        (f'{MINIMAL}[[designs]]\ntemplate = "papers"', "did you mean paper"),
        (f'{MINIMAL}designs = ["paper"]', "Write each design as a table"),
    ],
)
def test_a_wrong_study_is_told_by_file_and_entry(
    home: Home, instrument: Instrument, text: str, message: str
) -> None:
    with pytest.raises(ValuescopeError, match=message) as error:
        load(home, instrument, text)
    assert "study.toml" in str(error.value)


def test_loaded_is_written_out_so_that_the_study_means_the_same_everywhere(
    home: Home, instrument: Instrument
) -> None:
    loose = (
        'countries = "loaded"  # here\nquestions = ["loaded"]\n\n[[designs]]\nanswers = "label"\n'
    )
    study = load(home, instrument, MINIMAL + loose)
    assert study.asks_loaded
    assert [country.country_id for country in study.plan.countries] == ["JPN", "USA"]
    assert [question.question_id for question in study.plan.questions] == ["Q57", "Q182"]

    again = load(home, instrument, study.text, "frozen.toml")
    assert not again.asks_loaded
    assert (again.sha256, again.plan.countries) == (study.sha256, study.plan.countries)


def test_loaded_that_cannot_be_written_out_is_refused(home: Home, instrument: Instrument) -> None:
    hidden = MINIMAL + 'countries = """loaded"""\n'
    with pytest.raises(ValuescopeError, match='Write countries = "loaded"'):
        load(home, instrument, hidden)
