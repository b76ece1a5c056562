"""What another version of valuescope wrote is read as it is, or left alone and told."""

import json
import re
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from tests.valuescope.conftest import fail, run, succeed

# Columns that landed shards have not always had.
LATER_COLUMNS = {
    "models": ["base_name", "norms_sha256"],
    "prompts": ["translator", "source", "elicitation", "temperature"],
    "choice_log_likelihoods": ["draws", "group_id", "placebo_id", "stated_sum"],
    "runs": [
        "source_file",
        "metadata_overrides",
        "study_name",
        "study_sha256",
        "seconds_scoring",
        "seconds_decoding",
    ],
}


def test_shards_without_the_newest_columns_are_counted_and_built(copy_of_study: Path) -> None:
    for table, columns in LATER_COLUMNS.items():
        for shard in (copy_of_study / "landing" / "schema=1" / table).glob("*.parquet"):
            pq.write_table(pq.ParquetFile(shard).read().drop_columns(columns), shard)

    assert "shards of answers were written since the last build" in succeed(copy_of_study, "status")
    built = run(
        copy_of_study,
        "build",
        "--select",
        "+dim_models +dim_prompts +dim_runs stg_choice_log_likelihoods",
    )
    assert built.returncode == 0, built.stderr.decode()
    said = built.stderr.decode()
    assert re.search(r"Built [1-9]\d* tables for 1 model; [1-9]\d* checks passed: ", said)

    (row,) = json.loads(
        succeed(
            copy_of_study,
            *("sql", "--format", "json"),
            "select wording_set, translator, source, elicitation from dim_prompts",
        )
    )
    assert row == {
        "wording_set": "valuescope",
        "translator": None,
        "source": None,
        "elicitation": "likelihood",
    }


def test_a_landing_zone_of_another_version_is_left_alone_and_told(copy_of_study: Path) -> None:
    later = copy_of_study / "landing" / "schema=2" / "answers"
    later.mkdir(parents=True)
    (later / "1.parquet").write_bytes(b"of a layout that is not known yet")

    text = succeed(copy_of_study, "status")
    assert f"Left alone: {later.parent}" in text
    assert "up to date" in text
    built = run(copy_of_study, "build", "--select", "stg_survey_loads")
    assert built.returncode == 0
    assert f"Left alone: {later.parent}" in built.stderr.decode()
    assert (later / "1.parquet").read_bytes() == b"of a layout that is not known yet"


def test_a_home_that_a_newer_version_has_written_to_is_told(copy_of_study: Path) -> None:
    with duckdb.connect(str(copy_of_study / "valuescope.duckdb")) as connection:
        connection.execute("update raw.survey_loads set valuescope_version = '99.1'")

    assert "valuescope 99.1 has written to this home" in succeed(copy_of_study, "status")


def test_tables_of_an_earlier_version_are_said_to_need_a_build(copy_of_study: Path) -> None:
    with duckdb.connect(str(copy_of_study / "valuescope.duckdb")) as connection:
        connection.execute("drop table intermediate.build_record")
        connection.execute("drop table marts.agg_model_summary")
        connection.execute("alter table marts.dim_models drop column model_name")

    assert "by an earlier version of valuescope; run `valuescope build`" in succeed(
        copy_of_study, "status"
    )
    for statement in ("from agg_model_summary", "select model_name from dim_models"):
        assert "run `valuescope build`" in fail(copy_of_study, "sql", statement)
