"""The landing zone: shards that are whole or not there."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.landing_zone.shards import (
    EMPTY_SHARD,
    SCHEMAS,
    compact_shards,
    damaged_shards,
    done_cells,
    ensure_landing_zone,
    query_landing,
    run_records,
    write_shard,
)
from valuescope.warehouse.unfinished import replaced_file, unfinished_folder

TABLE = "choice_log_likelihoods"


def answer(question_id: str = "Q57", choice_index: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "run_id": "run",
        "model_id": "model",
        "prompt_id": "prompt",
        "numerics_id": "numerics",
        "coding_id": "native",
        "question_id": question_id,
        "country_id": "JPN",
        "choice_index": choice_index,
        "choice_position": choice_index,
        "choice_label": "AB"[choice_index - 1],
        "choice_text": "Most people can be trusted",
        "prompt_text": "Question: ...",
        "answer_text": " A) Most people can be trusted",
        "text_sha256": f"text of {question_id}",
        "log_likelihood": -4.25,
        "label_log_likelihood": -1.5,
        "token_log_likelihoods": [-1.5, -2.75],
        "label_token_count": 1,
        "token_count": 2,
        "byte_count": 30,
        "off_choice_mass": 0.125,
        "boundary_merged": False,
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
        "draws": None,
        "group_id": None,
        "placebo_id": None,
        "stated_sum": None,
        **other,
    }


def write_run(home: Home, run_id: str, model_id: str, prompt_id: str, **other: Any) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row: dict[str, Any] = {
        field.name: {pa.string(): "", pa.bool_(): False}.get(field.type, 0)
        for field in SCHEMAS["runs"]
        if not field.nullable
    }
    row |= {"run_id": run_id, "model_id": model_id, "prompt_id": prompt_id}
    row |= {"status": "running", "started_at": moment, **other}
    write_shard(home, "runs", [row], f"{run_id}.parquet")


def landed(home: Home, table: str = TABLE) -> list[tuple[Any, ...]]:
    """What dbt reads: every shard of the folder."""
    pattern = str(home.landing / table / "*.parquet")
    with duckdb.connect() as connection:
        return connection.execute(
            "select question_id, choice_index, log_likelihood, token_log_likelihoods "
            "from read_parquet(?) order by all",
            [pattern],
        ).fetchall()


def test_an_empty_landing_zone_can_be_read_with_every_column(home: Home) -> None:
    ensure_landing_zone(home)

    for table, schema in SCHEMAS.items():
        pattern = str(home.landing / table / "*.parquet")
        with duckdb.connect() as connection:
            described = connection.execute(
                "describe select * from read_parquet(?, hive_partitioning = false)", [pattern]
            ).fetchall()
            rows = connection.execute("select count(*) from read_parquet(?)", [pattern]).fetchall()
        assert [row[0] for row in described] == schema.names
        assert rows == [(0,)]


def test_preparing_the_landing_zone_again_keeps_what_landed(home: Home) -> None:
    ensure_landing_zone(home)
    write_shard(home, TABLE, [answer()])

    ensure_landing_zone(home)

    assert len(landed(home)) == 1


def test_a_landing_zone_of_an_earlier_version_gains_the_columns_it_lacks(home: Home) -> None:
    ensure_landing_zone(home)
    folder = home.landing / "prompts"
    row = dict.fromkeys(SCHEMAS["prompts"].names, "x") | {"temperature": 1.0}
    write_shard(home, "prompts", [row], "older.parquet")
    for name in (EMPTY_SHARD, "older.parquet"):
        content = pq.ParquetFile(folder / name).read().drop_columns(["translator", "source"])
        pq.write_table(content, folder / name)

    ensure_landing_zone(home)
    write_shard(home, "prompts", [row], "newer.parquet")

    assert pq.read_schema(folder / EMPTY_SHARD).equals(SCHEMAS["prompts"])
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select translator, source from read_parquet(?, union_by_name = true) order by all",
            [str(folder / "*.parquet")],
        ).fetchall()
    assert rows == [("x", "x"), (None, None)]


def test_a_shard_comes_back_as_it_was_written(home: Home) -> None:
    row = answer(label_log_likelihood=None, label_token_count=None)

    shard = write_shard(home, TABLE, [row])

    assert pq.ParquetFile(shard).read().to_pylist() == [row]
    assert pq.read_schema(shard).equals(SCHEMAS[TABLE])


def test_shards_are_appended_and_a_named_one_is_replaced(home: Home) -> None:
    write_shard(home, TABLE, [answer("Q1")])
    write_shard(home, TABLE, [answer("Q2")])
    write_shard(home, TABLE, [answer("Q3", log_likelihood=-1.0)], "named.parquet")
    write_shard(home, TABLE, [answer("Q3", log_likelihood=-2.0)], "named.parquet")

    assert [(row[0], row[2]) for row in landed(home)] == [
        ("Q1", -4.25),
        ("Q2", -4.25),
        ("Q3", -2.0),
    ]


def test_a_row_that_lacks_the_schemas_type_is_refused_and_leaves_nothing(home: Home) -> None:
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        write_shard(home, TABLE, [answer(log_likelihood="much")])

    assert not list(home.landing.rglob("*.parquet"))


def test_compaction_keeps_every_row_and_leaves_one_file(home: Home) -> None:
    shards = [
        write_shard(home, TABLE, [answer(f"Q{number}", index) for index in (1, 2)])
        for number in range(1, 8)
    ]
    before = landed(home)

    merged = compact_shards(home, TABLE, shards, "run.parquet")

    assert landed(home) == before
    assert list((home.landing / TABLE).iterdir()) == [merged]
    assert pq.read_schema(merged).equals(SCHEMAS[TABLE])


def test_compaction_into_one_of_the_shards_keeps_every_row(home: Home) -> None:
    earlier = write_shard(home, TABLE, [answer("Q1")], "run.parquet")
    later = write_shard(home, TABLE, [answer("Q2")])

    compact_shards(home, TABLE, [earlier, later], "run.parquet")

    assert [row[0] for row in landed(home)] == ["Q1", "Q2"]


def test_compaction_keeps_other_shards_apart(home: Home) -> None:
    shards = [write_shard(home, TABLE, [answer(question)]) for question in ("Q1", "Q2")]
    other = write_shard(home, TABLE, [answer("Q3")])

    compact_shards(home, TABLE, shards, "run.parquet")

    assert other.exists()
    assert [row[0] for row in landed(home)] == ["Q1", "Q2", "Q3"]


def test_done_cells_are_those_of_the_same_model_design_and_numerics(home: Home) -> None:
    ensure_landing_zone(home)
    write_shard(home, TABLE, [answer("Q1", 1), answer("Q1", 2)])
    write_shard(home, TABLE, [answer("Q2", model_id="another model")])
    write_shard(home, TABLE, [answer("Q3", prompt_id="another design")])
    write_shard(home, TABLE, [answer("Q4", numerics_id="other numerics")])

    assert done_cells(home, "model", "prompt", "numerics") == {("Q1", "JPN", "text of Q1")}


def test_shards_of_runs_of_other_models_and_designs_are_not_read(home: Home) -> None:
    for run_id, model_id, prompt_id in (
        ("one", "model", "prompt"),
        ("two", "another model", "prompt"),
        ("three", "model", "another design"),
    ):
        write_run(home, run_id, model_id, prompt_id)
    write_shard(home, TABLE, [answer("Q1", run_id="one")], "one-00000.parquet")
    for other in ("two", "three-00000"):
        (home.landing / TABLE / f"{other}.parquet").write_bytes(b"not to be read")

    assert done_cells(home, "model", "prompt", "numerics") == {("Q1", "JPN", "text of Q1")}


def test_the_records_of_a_model_are_those_of_its_runs_as_they_are_now(home: Home) -> None:
    write_run(home, "one", "model", "prompt")
    write_run(home, "two", "another model", "prompt")
    assert [row["status"] for row in run_records(home, "model")] == ["running"]
    write_run(home, "one", "model", "prompt", status="finished")
    assert [row["status"] for row in run_records(home, "model")] == ["finished"]


def test_a_stop_in_the_middle_of_a_write_leaves_no_shard(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(home, TABLE, [answer("Q1")])

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_shard(home, TABLE, [answer("Q2")])

    assert [row[0] for row in landed(home)] == ["Q1"]
    assert len(list((home.landing / TABLE).iterdir())) == 1


def test_a_file_half_written_by_a_killed_process_is_not_read(home: Home) -> None:
    shard = write_shard(home, TABLE, [answer("Q1")])
    shard.with_name(f".{shard.name}.123.tmp").write_bytes(shard.read_bytes()[:100])

    assert [row[0] for row in landed(home)] == ["Q1"]


def test_a_full_disk_is_named_and_earlier_shards_stay_whole(home: Home) -> None:
    write_shard(home, TABLE, [answer("Q1")])
    limited = """
        import resource, sys
        from pathlib import Path
        from tests.warehouse.landing_zone.test_shards import TABLE, answer
        from valuescope.warehouse.errors import ValuescopeError
        from valuescope.warehouse.home import Home
        from valuescope.warehouse.landing_zone.shards import write_shard

        # No file may grow beyond this: writing fails as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_shard(Home(Path(sys.argv[1])), TABLE, [answer("Q2")])
        except ValuescopeError as error:
            print(error)
    """

    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(limited), str(home.path)],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Cannot write the shard" in finished.stdout, finished.stderr
    assert "What landed before is whole; make room" in finished.stdout
    assert [row[0] for row in landed(home)] == ["Q1"]
    assert len(list((home.landing / TABLE).iterdir())) == 1


@pytest.mark.parametrize("table", [TABLE, "runs"])
@pytest.mark.parametrize("damage", [lambda content: content[:-20], lambda _: b""])
def test_a_damaged_shard_is_set_aside_and_the_others_are_used(
    home: Home, table: str, damage: Callable[[bytes], bytes]
) -> None:
    for run_id in ("one", "two"):
        write_run(home, run_id, "model", "prompt")
        write_shard(home, TABLE, [answer(f"Q{run_id}", run_id=run_id)], f"{run_id}.parquet")
    shard = home.landing / table / "one.parquet"
    shard.write_bytes(damage(shard.read_bytes()))

    assert query_landing(home, f"select run_id from {table}") == [("two",)]
    shard.write_bytes(damage(b"PAR1" * 20))
    cells = done_cells(home, "model", "prompt", "numerics")

    assert {question for question, *_ in cells} >= {"Qtwo"}
    assert [path.name for path in damaged_shards(home)] == ["one.parquet"]
    assert not shard.exists()


def test_what_a_killed_command_was_writing_is_removed(home: Home) -> None:
    ensure_landing_zone(home)
    folder = home.landing / TABLE
    (folder / ".left.parquet.0.tmp").write_bytes(b"PAR1")
    with replaced_file(folder / "whole.parquet") as file:
        file.write(b"PAR1")
        ensure_landing_zone(home)
    with unfinished_folder(home.path, "name") as folder_in_use:
        left = folder_in_use.with_name(f".name.{'0' * 32}")
        left.mkdir()
        with unfinished_folder(home.path, "name"):
            assert folder_in_use.exists()
            assert not left.exists()

    assert sorted(path.name for path in folder.iterdir()) == [EMPTY_SHARD, "whole.parquet"]
    assert [path.name for path in home.path.iterdir()] == ["landing"]


def test_a_landing_zone_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "landing").write_text("in the way")

    with pytest.raises(ValuescopeError, match=r"Cannot write the shard .*landing"):
        ensure_landing_zone(Home(tmp_path))


def test_the_zero_row_file_is_a_shard_like_the_others(home: Home) -> None:
    ensure_landing_zone(home)
    write_shard(home, TABLE, [answer()])

    names = {path.name for path in (home.landing / TABLE).iterdir()}
    assert EMPTY_SHARD in names
    assert len(names) == 2
