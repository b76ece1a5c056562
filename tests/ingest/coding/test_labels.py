"""Labels become codes; what no option has is named with the nearest one."""

import csv
import json
from pathlib import Path

import pytest

from valuescope.ingest.coding.labels import code_of_label, codes_of_labels, nearest_label
from valuescope.warehouse.instruments.seeds import Instrument


@pytest.mark.parametrize(
    ("question_id", "label", "code"),
    [
        ("Q1", "Very important", 1),
        ("Q1", "very important", 1),
        ("Q1", "Not at all important (4)", 4),
        ("Q1", "1. Very important", 1),
        ("Q1", "Very important*", 1),
        ("Q1", "Very important_1 ", 1),
        ("Q1", "Very\u00a0important\u200b.", 1),
        ("Q1", "Don´t know", -1),
        ("Q1", "Missing; Not available", -5),
        ("Q27", "Agree strongly", 1),
        ("Q27", "Agree", 2),
        ("Q182", "Never justifiable", 1),
        ("Q182", "7", 7),
        ("Q182", "10 (Always justifiable)", 10),
        ("Q1", "Don't know_1", -1),
        ("Q1", "[2] Rather  important {2}", 2),
        ("Q107", "1Private ownership of business should be increased", 1),
        ("Q107", "2Private ownership of business should be increased", None),
        ("Q111", "Economy growth and creating jobs", 2),
        ("Q94", "Don't belong", 0),
        ("Q221", "Not allowed to vote", 4),
        ("Q1", "Extremely important", None),
        ("Q1", "", None),
        ("Q182", "11", None),
    ],
)
def test_labels_in_many_dresses(
    question_id: str, label: str, code: int | None, instrument: Instrument
) -> None:
    assert code_of_label(label, codes_of_labels(instrument.question(question_id))) == code


def test_labels_of_different_codes_never_meet(instrument: Instrument) -> None:
    for question in instrument.questions.values():
        known = codes_of_labels(question)
        for choice in question.choices["native"]:
            assert code_of_label(choice.text, known) == choice.survey_codes[0], choice


def test_the_nearest_option_is_named(instrument: Instrument) -> None:
    assert nearest_label("Very importnat", instrument.question("Q1")) == "'Very important' (code 1)"


def test_every_label_of_the_survey_is_understood(shared_data: Path, instrument: Instrument) -> None:
    with (shared_data / "wvs7_catalogue.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["variable"] in instrument.questions]
    assert len(rows) > 250
    for row in rows:
        known = codes_of_labels(instrument.question(row["variable"]))
        labels = json.loads(row["valid_options"]) | json.loads(row["missing_codes"])
        for code, label in labels.items():
            assert code_of_label(label, known) == int(code), (row["variable"], label)
