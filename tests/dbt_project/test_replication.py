"""A package of the study that the marts are checked on gives the same marts on another machine."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import WITHOUT_TESTS, build_successfully, read
from tests.valuescope.conftest import run, succeed
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.marts import Mart, described_marts


@pytest.fixture(scope="module")
def package(agreement: AgreementStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "package"
    succeed(agreement.home.path, "export", "--replication", str(folder))
    return folder


@pytest.fixture(scope="module")
def rebuilt(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("another") / "machine")
    succeed(home.path, "replicate", str(package))
    build_successfully(home, *WITHOUT_TESTS)
    return home


Connection = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def both(agreement: AgreementStudy, rebuilt: Home) -> Iterator[tuple[Connection, Connection]]:
    """The rebuilt warehouse and the one that was packed."""
    with (
        duckdb.connect(str(rebuilt.database), read_only=True) as ours,
        duckdb.connect(str(agreement.home.database), read_only=True) as original,
    ):
        yield ours, original


@pytest.mark.parametrize("mart", described_marts(), ids=lambda mart: mart.name)
def test_every_mart_is_the_same(both: tuple[Connection, Connection], mart: Mart) -> None:
    """Equal but for rounding, which is a hundred times larger in scores of 0 to 100."""
    query = f"from marts.{mart.name} order by {mart.in_grain_order}"
    rebuilt, original = (connection.execute(query).fetch_df() for connection in both)
    pd.testing.assert_frame_equal(rebuilt, original, rtol=1e-10, atol=1e-11)


def test_the_rebuilt_tables_pass_the_check(rebuilt: Home, package: Path) -> None:
    finished = run(rebuilt.path, "replicate", str(package), "--check")
    assert finished.returncode == 0, finished.stderr.decode()
    assert f"All {len(described_marts())} tables are the package's" in finished.stderr.decode()
    assert "Warning" not in finished.stderr.decode()


def test_a_number_that_differs_is_found_where_it_is(
    rebuilt: Home, package: Path, tmp_path: Path
) -> None:
    changed = Home(tmp_path / "changed")
    changed.path.mkdir()
    changed.database.write_bytes(rebuilt.database.read_bytes())
    with duckdb.connect(str(changed.database)) as connection:
        connection.execute(
            """
            update marts.agg_country_correlations set pearson_r = pearson_r + 1e-6
            where model_id = 'knowing' and country_id = 'DEU'
            """
        )
        connection.execute("delete from marts.dim_runs where model_id = 'uniform'")
        connection.execute(
            "update marts.dim_models set display_name = 'x' where model_id = 'uniform'"
        )
    finished = run(changed.path, "replicate", str(package), "--check")
    assert finished.returncode == 1
    message = finished.stderr.decode()
    assert re.search(r"\b4 of \d+ tables", message)
    assert "agg_country_correlations: pearson_r differs in 1 row" in message
    assert "headline_countries: pearson_r differs in 1 row" in message
    assert "dim_models: display_name differs in 1 row" in message
    assert "dim_runs: 1 row only in the package" in message


def test_last_bits_and_moments_of_loading_are_no_difference(
    rebuilt: Home, package: Path, tmp_path: Path
) -> None:
    changed = Home(tmp_path / "changed")
    changed.path.mkdir()
    changed.database.write_bytes(rebuilt.database.read_bytes())
    with duckdb.connect(str(changed.database)) as connection:
        connection.execute(
            "update marts.agg_country_correlations set pearson_r = pearson_r * (1 + 1e-15)"
        )
        connection.execute("update marts.dim_populations set last_loaded_at = now()")
    succeed(changed.path, "replicate", str(package), "--check")


def test_a_package_without_the_survey_has_no_estimate_of_it(
    agreement: AgreementStudy, tmp_path: Path
) -> None:
    folder = tmp_path / "package"
    succeed(agreement.home.path, "export", "--replication", str(folder), "--without-survey")
    kept = {path.stem for path in (folder / "marts").glob("*.parquet")}
    assert kept == {m.name for m in described_marts() if not m.holds_survey_estimates}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert not manifest["has_survey"]
    assert {file["file_sha256"] for file in manifest["surveys"]} == set(agreement.loads["load_id"])
    # Of shares with so many digits, none is another number by chance.
    shares = {
        share
        for share in read(agreement.home, "from marts.fct_human_choice_shares")["human_share"]
        if abs(share - round(share, 9)) > 1e-12
    }
    assert len(shares) > 1000
    with duckdb.connect() as connection:
        for path in folder.rglob("*.parquet"):
            rows = connection.execute(f"from read_parquet('{path}')").fetch_df()
            for column in rows.select_dtypes("float"):
                assert not shares & set(rows[column]), (path.name, column)
