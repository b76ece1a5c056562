"""The names that a file uses for countries, turned into the instrument's."""

import duckdb

from valuescope.ingest.tables import COUNTRY_CODES, COUNTRY_NAMES
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Country, Instrument
from valuescope.warehouse.problems import Problems, listed


def create_country_names(
    connection: duckdb.DuckDBPyConnection, query: str, instrument: Instrument, problems: Problems
) -> None:
    """Create the temporary table `country_names` (name, country_id) for the names of `query`.

    A name that no country has is refused, with the nearest that one has.
    """
    names = [row[0] for row in connection.execute(query).fetchall()]
    COUNTRY_NAMES.create(connection)
    for name in names:
        country = _named(name, instrument, problems)
        if country is not None:
            connection.execute(
                "insert into country_names values (?, ?)", [name, country.country_id]
            )


def create_country_codes(
    connection: duckdb.DuckDBPyConnection, query: str, instrument: Instrument, problems: Problems
) -> None:
    """Create `country_codes` (country_text, number_text, country_id) for the pairs of `query`.

    Either of a pair may be null. Refused are codes that no country has, pairs that mean two
    countries, and a country that goes by two codes.
    """
    pairs = connection.execute(query).fetchall()
    COUNTRY_CODES.create(connection)
    numbers = {
        str(number): country
        for country in instrument.countries.values()
        for number in country.numeric_codes
    }
    texts: dict[str, set[str]] = {}
    for text, number in pairs:
        by_number = numbers.get(number)
        if by_number is None and number is not None and not number.isdigit():
            by_number = _named(number, instrument, problems)
        elif by_number is None and number is not None and text is None:
            problems.refuse(
                f"has a country with the number {number}, which no country has",
                "Correct it or remove its rows.",
            )
        by_text = None if text is None else _named(text, instrument, problems)
        if text is not None and by_text is None:
            continue
        if by_text and by_number and by_text != by_number:
            problems.refuse(
                f"has {text} with the number {number}, but {number} is "
                f"{by_number.country_id}, not {by_text.country_id}",
                "Correct one of the two columns.",
            )
            continue
        country = by_text or by_number
        if country is None:
            continue
        texts.setdefault(country.country_id, set()).add(text or number)
        connection.execute(
            "insert into country_codes values (?, ?, ?)", [text, number, country.country_id]
        )
    for country_id, codes in sorted(texts.items()):
        if len(codes) > 1:
            problems.refuse(
                f"has {country_id} under more than one code: {listed(sorted(codes))}",
                "Write one of them in all rows.",
            )


def _named(name: str, instrument: Instrument, problems: Problems) -> Country | None:
    try:
        return instrument.country(name)
    except ValuescopeError as error:
        what, _, remedy = str(error).partition(". ")
        if "?" in what:
            what, _, remedy = str(error).partition("? ")
            what += "?"
        problems.refuse(f"names a country that is not known: {what}", remedy)
        return None
