"""Files of Stata and SPSS, read back: every number, text and label as in the warehouse."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyreadstat
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.exports.exported_tables import ExportedTable, exported_tables
from valuescope.warehouse.exports.statistics_files import (
    STATISTICS_FORMATS,
    write_statistics_file,
)
from valuescope.warehouse.tables.marts import Mart, MartColumn

READERS = {"dta": pyreadstat.read_dta, "sav": pyreadstat.read_sav}


@pytest.fixture(scope="module")
def connection(agreement: AgreementStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def written(
    connection: duckdb.DuckDBPyConnection, table: ExportedTable, path: Path
) -> tuple[pd.DataFrame, Any]:
    write_statistics_file(connection, table, path)
    frame, metadata = READERS[path.suffix[1:]](str(path))
    return frame, metadata


def one_column(query: str, data_type: str, name: str = "it", **labels: Any) -> ExportedTable:
    column = MartColumn(name, data_type, "What it is. And more.", is_required=False)
    return ExportedTable(Mart("small", "Small.", (name,), (column,), False), query, **labels)


def assert_equal(read: pd.Series, there: pd.Series, data_type: str) -> None:
    """Assert that what was read is what is in the warehouse."""
    if data_type == "varchar":
        # A missing text is an empty one.
        assert read.fillna("").tolist() == there.fillna("").tolist()
    elif data_type.startswith("timestamp"):
        apart = read - pd.to_datetime(there, utc=True).dt.tz_localize(None)
        assert (read.isna() == there.isna()).all()
        # They count milliseconds, or seconds as a float.
        assert (apart.dropna().abs() <= pd.Timedelta(milliseconds=1)).all()
    else:
        np.testing.assert_array_equal(
            read.to_numpy(float), there.astype(float).to_numpy(float, na_value=np.nan)
        )


@pytest.mark.parametrize("form", STATISTICS_FORMATS)
def test_every_table_reads_back_equal(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, form: str
) -> None:
    for whole in exported_tables(connection, ()):
        # Of the long table all rows, of the others enough to meet every type.
        is_long_table = whole.mart.name == "analysis_cells"
        table = whole if is_long_table else replace(whole, query=f"{whole.query} limit 200")
        read, metadata = written(connection, table, tmp_path / f"{table.mart.name}.{form}")
        there = connection.execute(table.query).df()
        assert len(read) == len(there)
        for column, name in zip(table.mart.columns, read.columns, strict=True):
            assert name == column.name or (form == "dta" and len(name) <= 32 < len(column.name))
            if len(there):
                assert_equal(read[name], there[column.name], column.data_type)
        if is_long_table:
            assert_labelled(table, read, metadata)


def assert_labelled(table: ExportedTable, read: pd.DataFrame, metadata: Any) -> None:
    """Assert that variables have their labels, and numbers the names of their values."""
    assert metadata.column_names_to_labels == table.labels
    countries = metadata.variable_value_labels["country_number"]
    assert read["country_number"].map(countries).tolist() == read["country"].tolist()
    assert countries[392] == "Japan"
    assert metadata.variable_value_labels["is_chat"] == {0: "no", 1: "yes"}
    assert set(table.names) < set(metadata.variable_value_labels)


def test_a_name_that_stata_does_not_allow_is_shorter_and_named(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    long = "demeaned_country_ranking_reliability"
    table = one_column(f"select 1.5 as {long}", "double", long)
    rows, adaptations = write_statistics_file(connection, table, tmp_path / "x.dta")
    assert (rows, adaptations) == (
        1,
        (
            "Stata allows 32 characters in a name: "
            f"small.{long} is demeane_country_ranking_reliabi.",
        ),
    )
    assert write_statistics_file(connection, table, tmp_path / "x.sav") == (1, ())


def test_two_names_that_would_be_one_are_refused(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = tuple(MartColumn("a" * 32 + end, "double", "A.", False) for end in "xy")
    query = f"select 1.0 as {columns[0].name}, 2.0 as {columns[1].name}"
    table = ExportedTable(Mart("small", "Small.", (), columns, False), query)
    with pytest.raises(ValuescopeError, match="two columns of small have the same ones"):
        write_statistics_file(connection, table, tmp_path / "x.dta")


@pytest.mark.parametrize(
    ("query", "data_type", "message"),
    [
        ("select repeat('ä', 16384) as it", "varchar", "small.it has a text of 32,768 bytes; SPSS"),
        ("select 'infinity'::double as it", "double", "small.it has an infinite number"),
    ],
)
def test_what_spss_cannot_store_is_refused_by_name(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    query: str,
    data_type: str,
    message: str,
) -> None:
    with pytest.raises(ValuescopeError, match=message):
        write_statistics_file(connection, one_column(query, data_type), tmp_path / "x.sav")
    assert not (tmp_path / "x.sav").exists()


@pytest.mark.parametrize("form", STATISTICS_FORMATS)
def test_missing_values_long_texts_and_large_numbers_survive(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, form: str
) -> None:
    text = one_column("select unnest([repeat('ä', 4000), null, '日本', '']) as it", "varchar")
    read, _ = written(connection, text, tmp_path / f"text.{form}")
    assert read["it"].tolist() == ["ä" * 4000, "", "日本", ""]
    size = one_column("select unnest([5000000001, null]) as it", "bigint")
    read, _ = written(connection, size, tmp_path / f"size.{form}")
    np.testing.assert_array_equal(read["it"], [5_000_000_001, np.nan])
    sure = one_column("select unnest([true, null, false]) as it", "boolean")
    read, _ = written(connection, sure, tmp_path / f"sure.{form}")
    np.testing.assert_array_equal(read["it"], [1, np.nan, 0])


def test_long_labels_are_cut_between_words(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    said = "word " * 40
    table = one_column("select 1.0 as it", "double", labels={"it": said.strip()})
    _, metadata = written(connection, table, tmp_path / "x.dta")
    (label,) = metadata.column_labels
    assert label == "word " * 14 + "word.."
    assert len(label) <= 80
    plain = one_column("select 1.0 as it", "double")
    _, metadata = written(connection, plain, tmp_path / "y.dta")
    assert metadata.column_labels == ["What it is. And more."]
