"""CSVs are read by Arrow where it reads them as DuckDB does, and by DuckDB elsewhere."""

import hashlib
from pathlib import Path

import duckdb
import pytest

from valuescope.ingest.formats.delimited import open_delimited
from valuescope.ingest.formats.sources import Source, read_head

PLAIN = [
    pytest.param(b"a,b\n1,x\n2,y\n", id="no quotes"),
    pytest.param(b'"a","b"\n"1","x, ""y"""\n"2",""\n', id="doubled quotes"),
    pytest.param(b"\xef\xbb\xbf" + b'"a";"b"\r\n1;"\xc3\xa9"\r\n', id="byte order mark"),
    pytest.param(b"a,b\r1,x\r\r2,y\r", id="carriage returns and a blank line"),
    pytest.param(b"a,b\n1.0,x\n 2 ,y", id="no numbers at once"),
    pytest.param(b"a,b\n0x5,x\nNA,y\n", id="hexadecimals"),
    pytest.param(b"a,b\n1,x,\n2,y,\n", id="rows end with a delimiter"),
]
ODD = [
    pytest.param(b'a,b\n1,x"y"\n2,z\n', id="quotes inside a cell"),
    pytest.param(b'a,b\n1,"x" \n2,y\n', id="a blank behind a quote"),
    pytest.param(b'a,b\n1,"x\ny"\n2,z\n', id="a line end in a cell"),
    pytest.param(b'a,b\n1,"x\n2,y\n', id="a quote that is never closed"),
    pytest.param(b"\na,b\n1,x\n", id="a blank line before the header"),
]


def opened(content: bytes, folder: Path) -> Source:
    file = folder / "table.csv"
    file.write_bytes(content)
    return open_delimited(file, file, read_head(file), folder)


def texts(rows: list[tuple[object, ...]]) -> list[list[str]]:
    return [[str("" if cell is None else cell).strip() for cell in row] for row in rows]


@pytest.mark.parametrize("content", PLAIN)
def test_arrow_reads_what_duckdb_reads(content: bytes, tmp_path: Path) -> None:
    source = opened(content, tmp_path)

    assert source.encoded is not None
    assert source.sha256 == hashlib.sha256(content).hexdigest()
    names = ", ".join(source.raw(column) for column in ("b", "a"))
    with duckdb.connect() as connection:
        table = source.table(connection, ["b"], ["a"])
        rows = connection.execute(f"select {names} from {source.rows(['a', 'b'])}").fetchall()
    assert texts([tuple(row.values()) for row in table.to_pylist()]) == texts(rows)


@pytest.mark.parametrize("content", ODD)
def test_what_programs_read_differently_is_left_to_duckdb(content: bytes, tmp_path: Path) -> None:
    assert opened(content, tmp_path).encoded is None
