"""`valuescope send` and `land`, and scoring that sends what lands."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.valuescope.conftest import command, environment, fail, run, succeed
from tests.valuescope.test_score import MODEL, ONE_CELL, landed


def test_scoring_sends_each_run_and_landing_brings_it_home(tmp_path: Path) -> None:
    node, home, shared = tmp_path / "node", tmp_path / "home", str(tmp_path / "shared")
    scored = run(node, "score", "--model", MODEL, *ONE_CELL, "--landing", shared)
    assert f"Sent to {shared}. Next, at home: valuescope land {shared}" in scored.stderr.decode()

    brought = run(home, "land", shared)

    assert "Landed 4 files with 4 answers" in brought.stderr.decode()
    for table in ("choice_log_likelihoods", "runs", "models", "prompts"):
        assert landed(home, table) == landed(node, table)
    assert "Landed 0 files" in run(home, "land", shared).stderr.decode()
    # At home nothing of it is scored again.
    again = run(home, "score", "--model", MODEL, *ONE_CELL)
    assert "0 cells scored" in again.stderr.decode()


def test_the_place_may_come_from_the_environment(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = str(tmp_path / "shared")
    monkeypatch.setenv("VALUESCOPE_LANDING", shared)
    for home, verb in ((study, "send"), (tmp_path / "home", "land")):
        finished = run(home, verb)
        assert finished.returncode == 0
        assert f" {shared};" in finished.stderr.decode()
    assert len(landed(tmp_path / "home", "runs")) == 1


def test_a_damaged_shard_ends_with_1_and_its_name(study: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    succeed(study, "send", str(shared))
    (hurt,) = shared.glob("schema=1/choice_log_likelihoods/*.parquet")
    hurt.write_bytes(hurt.read_bytes()[:-1])

    message = fail(tmp_path / "home", "land", str(shared))

    assert "1 refused, the others have landed" in message
    assert f"{hurt.name}: its" in message


@pytest.mark.parametrize("verb", [("send",), ("land",), ("score", "--model", MODEL, "--landing")])
def test_an_address_with_a_password_is_refused_and_not_repeated(
    tmp_path: Path, verb: tuple[str, ...]
) -> None:
    message = fail(tmp_path, *verb, "s3://AKIAKEY:hush@bucket/path")

    assert "Credentials come from the environment only" in message
    assert "hush" not in message
    assert "AKIAKEY" not in message
    assert not list(tmp_path.rglob("*"))


def test_no_secret_of_the_environment_is_in_what_a_command_says_or_writes(
    study: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(study, tmp_path / "home"))
    secrets = {"AWS_ACCESS_KEY_ID": "AKIAHUSHHUSH", "AWS_SECRET_ACCESS_KEY": "secret-hush-hush"}
    # Nobody listens at port 1.
    store = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_EC2_METADATA_DISABLED": "true"}
    finished = subprocess.run(
        command("send", "s3://lab/path"),
        env=environment(home) | secrets | store,
        capture_output=True,
        check=False,
    )

    assert finished.returncode == 1
    assert b"Cannot write schema=1/README.txt at s3://lab/path" in finished.stderr
    told = finished.stdout + finished.stderr
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for secret in secrets.values():
        assert secret.encode() not in told + written


def test_a_place_that_cannot_be_written_is_told_before_anything_is_scored(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    message = fail(
        tmp_path / "home",
        *("score", "--model", MODEL, *ONE_CELL, "--landing", str(tmp_path / "file" / "shared")),
    )

    assert "Cannot write" in message
    assert not (tmp_path / "home" / "landing").exists()
