import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "dbt_project" / "seeds"
CATALOGUE = ROOT.parent / "shared" / "data" / "wvs7_catalogue.csv"

Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def categories() -> Rows:
    return read(SEEDS / "categories.csv")


@pytest.fixture(scope="session")
def questions() -> Rows:
    return read(SEEDS / "questions.csv")


@pytest.fixture(scope="session")
def choices() -> Rows:
    return read(SEEDS / "choices.csv")


@pytest.fixture(scope="session")
def polarity_golden() -> Rows:
    return read(Path(__file__).with_name("polarity_golden.csv"))


@pytest.fixture(scope="session")
def catalogue() -> Rows:
    if not CATALOGUE.exists():
        pytest.skip("the reference catalogue ../shared/data/wvs7_catalogue.csv is not here")
    return read(CATALOGUE)
