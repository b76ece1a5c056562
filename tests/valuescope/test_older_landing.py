"""A landing zone that an earlier version wrote is read as it is."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from tests.valuescope.conftest import succeed

# Columns that landed shards have not always had.
LATER_COLUMNS = {
    "prompts": ["translator", "source"],
    "runs": ["study_name", "study_sha256", "seconds_scoring", "seconds_decoding"],
}


def test_shards_without_the_newest_columns_are_counted_and_built(copy_of_study: Path) -> None:
    for table, columns in LATER_COLUMNS.items():
        for shard in (copy_of_study / "landing" / "schema=1" / table).glob("*.parquet"):
            pq.write_table(pq.ParquetFile(shard).read().drop_columns(columns), shard)

    assert "up to date" in succeed(copy_of_study, "status")
    succeed(copy_of_study, "build", "--select", "+dim_prompts +dim_runs")

    (row,) = json.loads(
        succeed(
            copy_of_study,
            *("sql", "--format", "json"),
            "select wording_set, translator, source from dim_prompts",
        )
    )
    assert row == {"wording_set": "valuescope", "translator": None, "source": None}
