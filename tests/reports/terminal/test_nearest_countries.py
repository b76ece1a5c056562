import duckdb
import pytest

from valuescope.reports.terminal.nearest_countries import CountryScore, countries_by_error
from valuescope.reports.terminal.summary import Design


def test_the_nearest_country_comes_first_and_only_compared_ones_come_at_all(
    connection: duckdb.DuckDBPyConnection, design: Design
) -> None:
    assert countries_by_error(connection, design, "Q1") == [
        CountryScore("Japan", 0.5, 0.25, "Very", "Not at all"),
        CountryScore("United States", 0.5, -0.5, "Very", "Not at all"),
    ]


def test_a_question_that_was_not_compared_has_no_countries(
    connection: duckdb.DuckDBPyConnection, design: Design
) -> None:
    assert countries_by_error(connection, design, "Q2") == []


def test_the_error_is_the_distance_of_the_two_mean_scores() -> None:
    assert CountryScore("Japan", -0.5, 0.25, "Very", "Not at all").absolute_error == pytest.approx(
        0.75
    )
