import json
from datetime import date, datetime
from decimal import Decimal

import duckdb

from valuescope.warehouse.tables.json_text import json_text, plain


def test_every_value_of_a_query_is_valid_json() -> None:
    with duckdb.connect() as connection:
        (row,) = (
            connection.sql(
                """
            select
                'nan'::double as undefined,
                ['inf'::double, '-inf'::double, null] as endless,
                {'share': 0.1::double} as nested,
                12.50::decimal(4, 2) as exact,
                sum(3::bigint) as whole,
                date '2020-02-01' as day,
                timestamp '2020-02-01 10:00:00' as moment,
                time '10:00:00' as clock
            """
            )
            .to_arrow_table()
            .to_pylist()
        )

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(json_text([row]), parse_constant=refuse) == [
        {
            "undefined": "NaN",
            "endless": ["Infinity", "-Infinity", None],
            "nested": {"share": 0.1},
            "exact": 12.5,
            "whole": 3,
            "day": "2020-02-01",
            "moment": "2020-02-01T10:00:00",
            "clock": "10:00:00",
        }
    ]


def test_numbers_keep_their_kind_and_digits() -> None:
    values = [True, 1, 0.1 + 0.2, Decimal("3"), Decimal("0.25"), Decimal("NaN")]
    assert plain(values) == [True, 1, 0.30000000000000004, 3, 0.25, "NaN"]
    assert [type(value) for value in plain(values)] == [bool, int, float, int, float, str]


def test_moments_are_written_as_iso_8601() -> None:
    assert plain((date(2020, 2, 1), datetime(2020, 2, 1, 10))) == [
        *("2020-02-01", "2020-02-01T10:00:00"),
    ]
