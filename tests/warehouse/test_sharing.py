"""Sending shards to a shared store and landing them elsewhere."""

import hashlib
import math
import shutil
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.warehouse.landing_zone.test_shards import TABLE, answer
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.landing_zone.download import land_shards
from valuescope.warehouse.landing_zone.shards import (
    SCHEMAS,
    compact_shards,
    ensure_landing_zone,
    query_landing,
    write_shard,
    write_text,
)
from valuescope.warehouse.landing_zone.stores import SharedStore, open_store
from valuescope.warehouse.landing_zone.upload import Sender

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def score(
    home: Home,
    run_id: str = "a1",
    questions: tuple[str, ...] = ("Q7", "Q8"),
    study: str | None = None,
    **other: Any,
) -> None:
    """What a run leaves: its design, its model, its record and its answers, two a question."""
    ensure_landing_zone(home)
    keys = {"run_id": run_id, "model_id": "m1", "prompt_id": "p1"} | other
    design: dict[str, Any] = dict.fromkeys(SCHEMAS["prompts"].names, "x")
    design |= {"prompt_id": keys["prompt_id"], "temperature": None}
    model = {
        "model_id": keys["model_id"],
        "model_name": "a model",
        "is_in_registry": False,
        "file_name": "a.gguf",
        "file_bytes": 1,
        "is_chat": False,
        "described_at": _WHEN,
    }
    sha256 = hashlib.sha256(study.encode()).hexdigest() if study else None
    record = keys | {
        "numerics_id": "numerics",
        "status": "finished",
        "scoring_path": "tree",
        "compute_type": "f32",
        "kv_cache_type": "f32",
        "flash_attention": False,
        "batch_size": 128,
        "context_size": 512,
        "gpu_layers": 0,
        "threads": 2,
        "engine_version": "1",
        "valuescope_version": "1",
        "study_name": study,
        "study_sha256": sha256,
        "cells_planned": len(questions),
        "cells_already_done": 0,
        "cells_scored": len(questions),
        "tokens_decoded": 1,
        "started_at": _WHEN,
    }
    if study:
        write_text(home.landing / "studies" / f"{sha256}.toml", f'name = "{study}"\n')
    write_shard(home, "prompts", [design], f"{keys['prompt_id']}.parquet")
    write_shard(home, "models", [model], f"{keys['model_id']}.parquet")
    write_shard(home, "runs", [record], f"{run_id}.parquet")
    for number, question in enumerate(questions):
        rows = [answer(question, choice, **keys) for choice in (1, 2)]
        write_shard(home, TABLE, rows, f"{run_id}-{number:05}.parquet")


def answers(home: Home) -> list[tuple[Any, ...]]:
    return query_landing(
        home, f"select run_id, question_id, choice_index from {TABLE} order by all"
    )


def runs(home: Home) -> list[str]:
    return [run_id for (run_id,) in query_landing(home, "select run_id from runs order by all")]


@pytest.fixture
def cluster(tmp_path: Path) -> Home:
    home = Home(tmp_path / "cluster")
    score(home)
    return home


@pytest.fixture
def store(tmp_path: Path) -> SharedStore:
    return open_store(str(tmp_path / "shared"))


def shared_files(store: SharedStore, folder: str = TABLE) -> list[Path]:
    return sorted(Path(store.root, "schema=1", folder).iterdir())


def test_what_was_scored_elsewhere_comes_home_row_by_row(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    sent = Sender(cluster, store).send()
    landed = land_shards(home, store)

    # Two questions, the run, the model and the design.
    assert (sent.files, sent.already_there) == (5, 0)
    assert (landed.files, landed.answers, landed.already_here) == (5, 4, 0)
    assert landed.bytes == sent.bytes
    for table in SCHEMAS:
        ours, theirs = (query_landing(of, f"from {table} order by all") for of in (home, cluster))
        assert ours == theirs


def test_sending_and_landing_again_changes_nothing(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    Sender(cluster, store).send()
    land_shards(home, store)
    before = {path: path.stat().st_mtime_ns for path in home.landing.rglob("*")}

    sent = Sender(cluster, store).send()
    landed = land_shards(home, store)

    assert (sent.files, sent.already_there) == (0, 5)
    assert (landed.files, landed.already_here) == (0, 5)
    assert {path: path.stat().st_mtime_ns for path in home.landing.rglob("*")} == before


def test_a_sender_reads_each_file_once(
    cluster: Home, store: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(cluster, store)
    sender.send()
    score(cluster, "b2", ("Q9",))
    read: list[str] = []
    before = Path.read_bytes

    def counted(path: Path) -> bytes:
        read.append(path.name)
        return before(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    sender.send()

    # The run writes its model and its design anew.
    assert sorted(read) == ["b2-00000.parquet", "b2.parquet", "m1.parquet", "p1.parquet"]


def test_only_what_is_new_comes_from_several_homes(
    cluster: Home, store: SharedStore, home: Home, tmp_path: Path
) -> None:
    Sender(cluster, store).send()
    land_shards(home, store)
    desk = Home(tmp_path / "desk")
    score(desk, "b2", ("Q8", "Q9"))
    Sender(desk, store).send()

    landed = land_shards(home, store)

    # Model and design are the same to the byte; the question that both have scored lands twice,
    # and staging takes one of them.
    assert (landed.files, landed.answers) == (3, 4)
    assert runs(home) == ["a1", "b2"]


def test_answers_that_no_table_can_be_built_from_are_refused_with_their_file(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    faults: dict[str, tuple[dict[str, Any], str]] = {
        "b1": ({"log_likelihood": math.nan}, "the log-likelihood nan of a choice"),
        "b2": ({"log_likelihood": -math.inf}, "the log-likelihood -inf of a choice"),
        "b3": ({"log_likelihood": 0.25}, "at most 0"),
        "b4": ({"token_log_likelihoods": [math.nan]}, "label or token that is not a number"),
        "b5": ({"off_choice_mass": 1.5}, "the off-choice mass 1.5"),
        "b6": ({"country_id": "XXX"}, "Q7 for XXX have a country that is not in the instrument"),
        "b7": ({"question_id": "S1"}, "a question of the coding native that the instrument here"),
        "b8": ({"coding_id": "seven"}, "a question of the coding seven"),
        "b9": ({"choice_index": 3}, "the choices [2, 3], where the instrument has 1 to 2"),
        "b10": ({"prompt_id": "p2"}, "nothing describes its prompt_id p2"),
    }
    for run_id, (fault, _) in faults.items():
        score(cluster, run_id, ())
        keys = {"run_id": run_id, "model_id": "m1", "prompt_id": "p1"}
        rows = [answer("Q7", 1, **keys) | fault, answer("Q7", 2, **keys)]
        write_shard(cluster, TABLE, rows, f"{run_id}-00000.parquet")
    Sender(cluster, store).send()

    landed = land_shards(home, store)

    assert len(landed.refused) == len(faults)
    for run_id, (_, problem) in faults.items():
        (told,) = [text for text in landed.refused if f"/{run_id}." in text]
        assert problem in told
    assert {run_id for run_id, *_ in answers(home)} == {"a1"}


def test_a_home_does_not_take_back_what_it_sent_itself(cluster: Home, store: SharedStore) -> None:
    Sender(cluster, store).send()
    shards = sorted((cluster.landing / TABLE).glob("a1-*.parquet"))
    compact_shards(cluster, TABLE, shards, "a1.parquet")

    landed = land_shards(cluster, store)

    assert landed.files == 0
    assert len(answers(cluster)) == 4


def test_what_has_landed_can_be_sent_on(
    cluster: Home, store: SharedStore, home: Home, tmp_path: Path
) -> None:
    Sender(cluster, store).send()
    land_shards(home, store)
    further = open_store(str(tmp_path / "further"))
    last = Home(tmp_path / "last")

    Sender(home, further).send()
    land_shards(last, further)

    assert answers(last) == answers(cluster)
    assert [path.name for path in shared_files(further)] == [
        path.name for path in shared_files(store)
    ]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[: len(content) // 2], "not those that were sent"),
        (lambda content: content.replace(b"PAR1", b"PAR2", 1), "not those that were sent"),
        (lambda content: b"", "not those that were sent"),
    ],
    ids=["truncated", "altered", "emptied"],
)
def test_a_damaged_shard_is_refused_and_the_others_land(
    cluster: Home, store: SharedStore, home: Home, damage: Any, reason: str
) -> None:
    Sender(cluster, store).send()
    hurt, _ = shared_files(store)
    hurt.write_bytes(damage(hurt.read_bytes()))

    landed = land_shards(home, store)

    assert (landed.files, landed.answers) == (4, 2)
    (refusal,) = landed.refused
    assert hurt.name in refusal
    assert reason in refusal
    assert not list(home.landing.rglob(hurt.name))


def test_a_shard_that_was_cut_off_on_its_way_is_sent_again(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    Sender(cluster, store).send()
    hurt, _ = shared_files(store)
    hurt.write_bytes(hurt.read_bytes()[:100])

    assert Sender(cluster, store).send().files == 1
    assert land_shards(home, store).refused == ()


def rename_to_its_hash(path: Path) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f"{path.name.split('.')[0]}.{digest}.parquet"))


def test_columns_of_another_version_are_named(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    Sender(cluster, store).send()
    later, without = shared_files(store)
    table = pq.ParquetFile(later).read()
    pq.write_table(table.append_column("mood", table["run_id"]), later)
    pq.write_table(pq.ParquetFile(without).read().drop_columns(["log_likelihood"]), without)
    rename_to_its_hash(later)
    rename_to_its_hash(without)

    landed = land_shards(home, store)

    told = " ".join(landed.refused)
    assert len(landed.refused) == 2
    assert "its column mood (string) is not one that this version of valuescope knows" in told
    assert "it lacks the columns log_likelihood" in told
    assert answers(home) == []


def test_columns_that_earlier_versions_did_not_record_may_lack(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    Sender(cluster, store).send()
    (design,) = shared_files(store, "prompts")
    pq.write_table(pq.ParquetFile(design).read().drop_columns(["translator"]), design)
    rename_to_its_hash(design)

    assert land_shards(home, store).refused == ()
    assert query_landing(home, "select prompt_id, translator from prompts") == [("p1", None)]


def test_a_file_about_another_run_than_its_name_says_is_refused(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    Sender(cluster, store).send()
    (record,) = shared_files(store, "runs")
    record.rename(record.with_name(record.name.replace("a1.", "zz.")))

    (refusal,) = land_shards(home, store).refused

    assert "it is not about the run_id zz" in refusal


def test_a_landing_zone_that_was_copied_and_not_sent_is_named(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    shutil.copytree(cluster.landing, Path(store.root, "schema=1"))

    landed = land_shards(home, store)

    assert landed.files == 0
    (refusal,) = landed.refused
    assert "5 files without a hash in their names" in refusal
    assert "Run `valuescope send` in that home" in refusal


def test_nothing_to_land_from_is_named(store: SharedStore, home: Home) -> None:
    with pytest.raises(ValuescopeError, match=r"Nothing to land at .*shared.*nothing like it"):
        land_shards(home, store)


def test_shards_of_another_schema_are_left_and_told(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    Path(store.root, "schema=2", "runs").mkdir(parents=True)
    with pytest.raises(ValuescopeError, match=r"only schema=2, of another version"):
        land_shards(home, store)

    Sender(cluster, store).send()

    assert land_shards(home, store).other_versions == ("schema=2",)


class TestStudies:
    @pytest.fixture
    def both(self, store: SharedStore, tmp_path: Path) -> SharedStore:
        """Ours and another study, of which the other has a model of its own."""
        for name, run_id, model in (("ours", "a1", "m1"), ("other", "b2", "m2")):
            cluster = Home(tmp_path / name)
            score(cluster, run_id, study=name, model_id=model)
            Sender(cluster, store).send()
        return store

    def test_a_home_without_a_study_takes_all(self, both: SharedStore, home: Home) -> None:
        landed = land_shards(home, both)

        assert landed.left == {}
        assert runs(home) == ["a1", "b2"]
        assert len(list((home.landing / "studies").glob("*.toml"))) == 2

    def test_another_study_is_left_and_told(self, both: SharedStore, home: Home) -> None:
        score(home, "c3", study="ours")

        landed = land_shards(home, both)

        ((name, count),) = landed.left.items()
        assert (name.split()[0], count) == ("other", 1)
        assert runs(home) == ["a1", "c3"]
        assert {row[0] for row in answers(home)} == {"a1", "c3"}
        assert query_landing(home, "select distinct model_id from models") == [("m1",)]

    def test_a_named_study_comes_alone(self, both: SharedStore, home: Home) -> None:
        score(home, "c3", study="ours")

        landed = land_shards(home, both, study="other")

        assert runs(home) == ["b2", "c3"]
        assert [name.split()[0] for name in landed.left] == ["ours"]
        # From now on both are this home's.
        assert land_shards(home, both).left == {}
        assert runs(home) == ["a1", "b2", "c3"]

    def test_an_unknown_study_names_those_there(self, both: SharedStore, home: Home) -> None:
        with pytest.raises(
            ValuescopeError,
            match=r"Unknown study 'othr'; did you mean other or ours\? Studies there: other, ours",
        ):
            land_shards(home, both, study="othr")


def test_a_landing_that_is_killed_in_the_middle_goes_on_when_repeated(
    cluster: Home, store: SharedStore, home: Home
) -> None:
    score(cluster, "b2", tuple(f"Q{number}" for number in range(7, 27)))
    Sender(cluster, store).send()
    killed = """
        import os, sys
        from pathlib import Path
        from valuescope.warehouse.landing_zone import download
        from valuescope.warehouse.home import Home
        from valuescope.warehouse.landing_zone.stores import open_store

        write, count = download.write_bytes, 0

        def dying(target, content):
            global count
            count += 1
            if count == 20:
                # In the middle of a file, as by kill -9.
                target.with_name(f".{target.name}.1.tmp").write_bytes(content[:100])
                os._exit(9)
            return write(target, content)

        download.write_bytes = dying
        download.land_shards(Home(Path(sys.argv[1])), open_store(sys.argv[2]))
    """
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(killed), str(home.path), store.address],
        cwd=CLONE,
        check=False,
    )
    assert finished.returncode == 9
    assert 0 < len(answers(home)) < 44

    landed = land_shards(home, store)

    assert 0 < landed.files < 45
    assert answers(home) == answers(cluster)
