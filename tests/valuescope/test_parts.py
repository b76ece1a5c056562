"""`valuescope score --part`: a study in parts, by processes that know nothing of one another."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.valuescope.conftest import command, environment, fail, run, succeed
from tests.valuescope.tiny_study import answers, landed, write_study
from valuescope.warehouse.home import CLONE

THREADS = ("--threads", "1")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def whole(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study scored by one process."""
    home = tmp_path_factory.mktemp("whole")
    succeed(home, "score", "--study", str(study), *THREADS)
    return home


def test_parts_scored_at_once_give_the_rows_of_one_process(
    study: Path, whole: Path, tmp_path: Path
) -> None:
    parts = [
        subprocess.Popen(
            command("score", "--study", str(study), "--part", f"{number}/4", *THREADS),
            env=environment(tmp_path),
            cwd=CLONE,
            stderr=subprocess.PIPE,
        )
        for number in range(1, 5)
    ]
    for number, part in enumerate(parts, start=1):
        message = part.communicate()[1].decode()
        assert part.returncode == 0, message
        assert f"Part {number}/4 of the study has landed." in message
    assert answers(tmp_path) == answers(whole)
    for table in ("prompts", "models"):
        assert len(landed(tmp_path, table)) == len(landed(whole, table)) == 2
    assert not list((tmp_path / "landing").rglob("*.tmp"))
    cells = Counter(row["status"] for row in landed(tmp_path, "runs"))
    assert set(cells) == {"finished"}


def test_parts_that_overlap_or_are_repeated_add_nothing(
    study: Path, whole: Path, tmp_path: Path
) -> None:
    for part in ("2/2", "1/3", "1/2", "2/2"):
        succeed(tmp_path, "score", "--study", str(study), "--part", part, *THREADS)
    assert answers(tmp_path) == answers(whole)
    runs = landed(tmp_path, "runs")
    assert sum(row["cells_scored"] for row in runs) == len({key[:4] for key in answers(whole)})
    last = max(runs, key=lambda row: row["started_at"])
    assert (last["cells_scored"], last["cells_already_done"]) == (0, last["cells_planned"])


def test_a_dry_run_tells_of_every_part_and_of_all_and_scores_nothing(
    study: Path, whole: Path, tmp_path: Path
) -> None:
    finished = run(tmp_path, "score", "--study", str(study), "--part", "2/3", "--dry-run", *THREADS)
    assert finished.returncode == 0, finished.stderr.decode()
    rows = {
        cells[0]: [int(cell.replace(",", "")) for cell in cells[1:5]]
        for line in finished.stdout.decode().splitlines()
        if len(cells := [cell.strip() for cell in line.strip("│ ").split("│")]) == 7
    }
    assert list(rows) == ["1/3", "2/3 <", "3/3", "all"]
    parts = list(rows.values())[:3]
    assert [sum(part[column] for part in parts) for column in (1, 2, 3)] == rows["all"][1:]
    assert rows["all"][0] == 2
    assert rows["all"][2] == len({key[:4] for key in answers(whole)})
    message = finished.stderr.decode()
    assert re.search(r"as this machine computed .*(attention|recurrent)\.gguf just now", message)
    assert not (tmp_path / "landing").exists()


def test_a_dry_run_of_the_whole_counts_its_tasks(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", ["Q1", "Q2"])
    finished = run(tmp_path / "home", "score", "--study", str(study), "--dry-run", *THREADS)
    assert finished.returncode == 0, finished.stderr.decode()
    # Two models in two orders, of one block each.
    assert "4 tasks; what each of 4 parts of them takes" in finished.stderr.decode()


def test_a_dry_run_without_any_model_tells_no_time(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text('models = ["nowhere-7b.gguf"]\nquestions = ["Q1"]\n', encoding="utf-8")
    finished = run(tmp_path, "score", "--study", str(study), "--part", "1/2", "--dry-run")
    assert finished.returncode == 0
    assert "none of the models is on this machine" in finished.stderr.decode()


def test_a_model_that_is_missing_fails_in_its_own_part(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", ["Q1", "Q2"])
    (study.parent / "models" / "recurrent.gguf").unlink()
    home = tmp_path / "home"
    succeed(home, "score", "--study", str(study), "--part", "1/2", *THREADS)
    message = fail(home, "score", "--study", str(study), "--part", "2/2", *THREADS)
    assert "No such model file" in message
    assert {row["model_name"] for row in landed(home, "models")} == {"attention"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "smollm2-135m-instruct", "--part", "1/2"), "--part needs a --study"),
        (("--study", "{study}", "--part", "3/2"), "'3/2' names no part"),
    ],
)
def test_a_wrong_part_is_told(
    study: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    given = [argument.format(study=study) for argument in arguments]
    finished = run(tmp_path, "score", *given)
    assert finished.returncode in (1, 2)
    assert message in finished.stderr.decode()
