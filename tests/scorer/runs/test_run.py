import errno
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scorer.scoring import score
from valuescope.scorer.doctor.describe import describe_prompt
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile, resolve_model
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.templates import named_template
from valuescope.scorer.runs.run import RunSummary
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Country, Instrument, Question, load_instrument
from valuescope.warehouse.landing_zone.shards import CHOICE_LOG_LIKELIHOODS, RUNS

Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What to score; calling it scores what is missing."""

    home: Home
    model_file: ModelFile
    design: PromptDesign
    questions: list[Question]
    countries: list[Country]

    def __call__(
        self,
        *,
        numerics: Numerics | None = None,
        path: str = "sequence",
        limit: int | None = None,
        on_progress: Callable[[int, int], None] = lambda done, planned: None,
    ) -> RunSummary:
        return score(
            self.home,
            self.model_file,
            self.design,
            self.questions,
            self.countries,
            numerics=numerics or Numerics(compute_type="f32"),
            threads=1,
            path=path,
            limit=limit,
            on_progress=on_progress,
        )


# Scores the same cells as the fixture `run`, and is killed at the instant named.
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet as pq
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import resolve_model
from tests.scorer.scoring import score
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument

home, instant, model = Home(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
instrument = load_instrument()

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(done, planned):
    if done < 2:  # the first question has not landed yet
        return
    if instant == "after a shard":
        die()
    if instant == "within a shard":
        def half(table, file, **_):
            file.write(b"PAR1 and no more")
            file.flush()
            die()
        pq.write_table = half

if instant == "within a compaction":
    Path.unlink = die
score(
    home,
    resolve_model(model, home, instrument),
    PromptDesign(named_template("paper"), answer_style="label", chat_mode="raw"),
    [instrument.question("Q1"), instrument.question("Q27")],
    [instrument.country("JPN")],
    numerics=Numerics(compute_type="f32"), threads=1, path="sequence", on_progress=progress,
)
"""


@pytest.fixture
def questions(instrument: Instrument) -> list[Question]:
    return [instrument.question("Q1"), instrument.question("Q27")]


@pytest.fixture
def countries(instrument: Instrument) -> list[Country]:
    return [instrument.country("JPN")]


@pytest.fixture
def run(
    home: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
) -> Run:
    """Two questions of four choices, for a country and for none: four cells, 16 rows."""
    return Run(home, shallow_file, label_design, questions, countries)


def landed(home: Home, table: str = "choice_log_likelihoods") -> list[Row]:
    shards = sorted((home.landing / table).glob("*.parquet"))
    rows: list[Row] = pa.concat_tables([pq.read_table(shard) for shard in shards]).to_pylist()
    return rows


def shards(home: Home) -> list[Path]:
    folder = home.landing / "choice_log_likelihoods"
    return [path for path in folder.iterdir() if path.name != "_schema.parquet"]


def run_row(home: Home, run_id: str) -> Row:
    return next(row for row in landed(home, "runs") if row["run_id"] == run_id)


def answers(rows: list[Row]) -> dict[tuple[str, str, int], float]:
    return {
        (row["question_id"], row["country_id"], row["choice_index"]): row["log_likelihood"]
        for row in rows
    }


def stop_after(cells: int, stop: Callable[[], None]) -> Callable[[int, int], None]:
    def progress(done: int, planned: int) -> None:
        if done >= cells:
            stop()

    return progress


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_run_lands_each_choice_of_each_cell_once(run: Run, home: Home) -> None:
    summary = run()
    rows = landed(home)
    assert len(answers(rows)) == len(rows) == 16
    assert {row["country_id"] for row in rows} == {"ZZZ", "JPN"}
    assert (summary.cells_planned, summary.cells_already_done, summary.cells_scored) == (4, 0, 4)
    assert pq.read_schema(shards(home)[0]).equals(CHOICE_LOG_LIKELIHOODS)


def test_a_row_holds_what_was_asked_and_what_the_model_said(
    run: Run,
    home: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
) -> None:
    summary = run()
    shown = describe_prompt(shallow_file, questions[0], countries[0], label_design)
    rows = [r for r in landed(home) if (r["question_id"], r["country_id"]) == ("Q1", "JPN")]
    assert len({row["text_sha256"] for row in rows}) == 1
    for row, choice, answer, label in zip(
        rows, questions[0].choices["native"], shown.answers, "ABCD", strict=True
    ):
        assert row["run_id"] == summary.run_id
        assert row["model_id"] == shallow_file.model_id
        assert row["prompt_id"] == label_design.prompt_id
        assert row["numerics_id"] == summary.numerics_id
        assert row["coding_id"] == "native"
        assert row["choice_index"] == row["choice_position"] == choice.index
        assert (row["choice_label"], row["choice_text"]) == (label, choice.text)
        assert (row["prompt_text"], row["answer_text"]) == (shown.text, answer.text)
        assert row["log_likelihood"] == sum(row["token_log_likelihoods"]) < 0
        assert row["label_log_likelihood"] == row["log_likelihood"]
        assert row["token_count"] == len(answer.token_ids) - answer.answer_start
        assert row["label_token_count"] == row["token_count"]
        assert row["byte_count"] == len(answer.text.encode())
        assert 0 < row["off_choice_mass"] < 1
        assert row["boundary_merged"] is False


def test_reversed_choices_are_keyed_by_the_instruments_index(run: Run, home: Home) -> None:
    replace(run, design=replace(run.design, choice_order="reverse"))()
    for row in landed(home):
        assert row["choice_position"] == 5 - row["choice_index"]
        assert row["choice_label"] == "DCBA"[row["choice_index"] - 1]
        assert f"{row['choice_label']}) {row['choice_text']}" in row["prompt_text"]


def test_a_finished_run_leaves_one_shard_and_a_record(
    run: Run, home: Home, shallow_file: ModelFile, label_design: PromptDesign
) -> None:
    summary = run()
    assert len(shards(home)) == 1
    record = run_row(home, summary.run_id)
    assert record["status"] == summary.status == "finished"
    assert record["scoring_path"] == "sequence"
    assert record["path_difference"] is None
    assert (record["kv_cache_type"], record["flash_attention"]) == ("f32", False)
    assert record["cells_scored"] == 4
    assert record["tokens_decoded"] == summary.tokens_decoded > 0
    assert record["finished_at"] >= record["started_at"]
    assert pq.read_schema(home.landing / "runs" / f"{summary.run_id}.parquet").equals(RUNS)
    (model,) = landed(home, "models")
    assert model["model_id"] == shallow_file.model_id
    assert (model["model_name"], model["is_chat"]) == ("smollm2-135m-instruct", True)
    assert (model["is_in_registry"], model["quantization"]) == (True, "Q4_1")
    (prompt,) = landed(home, "prompts")
    assert prompt == label_design.as_row()


def test_a_repeated_run_scores_nothing(run: Run, home: Home) -> None:
    run()
    again = run()
    assert (again.cells_already_done, again.cells_scored) == (4, 0)
    assert len(landed(home)) == 16


def test_a_limit_scores_that_many_new_cells_each_time(run: Run, home: Home) -> None:
    assert [run(limit=3).cells_scored for _ in range(3)] == [3, 1, 0]
    assert len(answers(landed(home))) == len(landed(home)) == 16


def test_a_new_country_adds_its_own_cells_only(run: Run, instrument: Instrument) -> None:
    run()
    summary = replace(run, countries=[*run.countries, instrument.country("KEN")])()
    assert (summary.cells_already_done, summary.cells_scored) == (4, 2)


def test_a_reworded_question_is_asked_again(run: Run) -> None:
    run()
    run.questions[0] = replace(run.questions[0], wording="How much does your family matter to you?")
    summary = run()
    assert (summary.cells_already_done, summary.cells_scored) == (2, 2)


def test_other_numerics_are_scored_beside_the_first(run: Run, home: Home) -> None:
    first = run()
    second = run(numerics=Numerics(compute_type="f32", kv_cache_type="f16"))
    assert second.numerics_id != first.numerics_id
    assert second.cells_scored == 4
    assert Counter(row["numerics_id"] for row in landed(home)) == {
        first.numerics_id: 16,
        second.numerics_id: 16,
    }


def test_the_path_is_probed_against_the_sequence_path_and_recorded(run: Run, home: Home) -> None:
    summary = run(path="auto")
    record = run_row(home, summary.run_id)
    assert record["scoring_path"] == summary.scoring_path == "tree"
    assert record["path_difference"] == summary.path_difference
    assert 0 <= record["path_difference"] <= 0.7


def test_tree_and_sequence_rows_tell_themselves_apart(run: Run, home: Home) -> None:
    sequence, tree = run(), run(path="tree")
    assert sequence.numerics_id != tree.numerics_id
    by_path = [
        answers([row for row in landed(home) if row["run_id"] == summary.run_id])
        for summary in (sequence, tree)
    ]
    assert by_path[0] == pytest.approx(by_path[1], abs=0.7)


def test_a_question_with_more_tokens_than_the_longest_text_has_room(run: Run) -> None:
    # 450 letters of common words take fewer tokens than 160 signs of a script the model hardly met.
    wordy = replace(run.questions[0], wording="How important is family in your life? " * 12)
    dense = replace(run.questions[1], wording="家族は大切ですか" * 20)

    for path in ("tree", "sequence"):
        summary = replace(run, home=Home(run.home.path / path), questions=[wordy, dense])(path=path)
        assert summary.cells_scored == 4


def test_progress_ends_at_all_planned_cells(run: Run) -> None:
    seen: list[tuple[int, int]] = []
    run(on_progress=lambda done, planned: seen.append((done, planned)))
    assert seen == sorted(seen)
    assert seen[-1] == (4, 4)


@pytest.mark.parametrize("stop", [press_ctrl_c, terminate])
def test_a_stopped_run_keeps_what_landed_and_goes_on_there(
    run: Run, home: Home, stop: Callable[[], None]
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run(on_progress=stop_after(2, stop))
    assert signal.getsignal(signal.SIGTERM) == handler
    (record,) = landed(home, "runs")
    assert (record["status"], record["cells_scored"]) == ("interrupted", 2)
    assert len(landed(home)) == 8
    summary = run()
    assert (summary.cells_already_done, summary.cells_scored) == (2, 2)
    assert len(answers(landed(home))) == len(landed(home)) == 16


@pytest.mark.parametrize("instant", ["after a shard", "within a shard", "within a compaction"])
def test_a_killed_run_goes_on_to_the_same_rows_as_an_uninterrupted_one(
    run: Run, home: Home, tmp_path: Path, instant: str
) -> None:
    killed = Home(tmp_path / "killed")
    child = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, str(killed.path), instant, run.model_file.path],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    survived = landed(killed)
    lost = 0 if instant == "within a compaction" else 2
    assert len(answers(survived)) == 16 - 4 * lost

    resumed = replace(run, home=killed)()
    assert (resumed.cells_already_done, resumed.cells_scored) == (4 - lost, lost)
    run()
    assert answers(landed(killed)) == answers(landed(home))
    if lost:
        assert len(landed(killed)) == 16


def test_a_full_disk_loses_the_question_in_hand_only(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table = pq.write_table
    written: list[pa.Table] = []

    def write_until_full(table: pa.Table, file: Any, **options: Any) -> None:
        if table.schema.equals(CHOICE_LOG_LIKELIHOODS) and table.num_rows:
            if written:
                file.write(b"PAR1")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written.append(table)
        write_table(table, file, **options)

    monkeypatch.setattr(pq, "write_table", write_until_full)
    with pytest.raises(ValuescopeError, match=r"No space left on device.*make room"):
        run()
    assert len(landed(home)) == 8
    assert [path.suffix for path in shards(home)] == [".parquet"]
    assert landed(home, "runs")[0]["status"] == "failed"
    monkeypatch.undo()
    assert run().cells_scored == 2
    assert len(answers(landed(home))) == len(landed(home)) == 16


def test_a_second_run_of_the_same_model_and_design_is_refused(run: Run, home: Home) -> None:
    refusals = []

    def start_another(done: int, planned: int) -> None:
        with pytest.raises(ValuescopeError) as error:
            run()
        refusals.append(str(error.value))

    assert run(on_progress=start_another).status == "finished"
    assert "Another process is scoring smollm2-135m-instruct" in refusals[0]
    assert len(landed(home)) == 16


def test_two_designs_of_one_model_may_run_at_once(run: Run, home: Home) -> None:
    other = replace(run, design=replace(run.design, template=named_template("listed")))
    summaries: list[RunSummary] = []

    def start_another(done: int, planned: int) -> None:
        if not summaries:
            summaries.append(other())

    run(on_progress=start_another)
    assert Counter(row["prompt_id"] for row in landed(home)) == {
        run.design.prompt_id: 16,
        other.design.prompt_id: 16,
    }


def test_a_prompt_that_cannot_be_rendered_fails_the_run_by_name(
    run: Run,
) -> None:
    choices = run.questions[0].choices["native"]
    run.questions[0] = replace(run.questions[0], choices={"native": (choices[0], choices[0])})
    with pytest.raises(ValuescopeError, match="Q1 has empty or repeated choices"):
        run()


def test_a_base_model_is_scored_with_leading_spaces_and_one_bos(
    home: Home,
    gemma_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    numerics: Numerics,
) -> None:
    score(home, gemma_file, label_design, questions[:1], [], numerics=numerics, threads=1)
    rows = landed(home)
    assert [row["answer_text"] for row in rows] == [" A", " B", " C", " D"]
    assert all(row["prompt_text"].startswith("Question: ") for row in rows)
    assert landed(home, "models")[0]["is_chat"] is False


def test_a_chat_model_is_scored_through_its_template(
    home: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    numerics: Numerics,
) -> None:
    design = replace(label_design, chat_mode="template")
    score(home, shallow_file, design, questions[:1], [], numerics=numerics, threads=1)
    rows = landed(home)
    assert [row["answer_text"] for row in rows] == ["A", "B", "C", "D"]
    assert all(row["prompt_text"].endswith("<|im_start|>assistant\n") for row in rows)


def test_a_model_file_that_changes_during_a_run_stops_it(
    run: Run, home: Home, tmp_path: Path
) -> None:
    own = tmp_path / "own.gguf"
    shutil.copy(run.model_file.path, own)
    other = tmp_path / "other.gguf"
    content = own.read_bytes()
    other.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    model_file = resolve_model(str(own), home, load_instrument())

    def change(done: int, planned: int) -> None:
        if done >= 2 and other.exists():
            other.replace(own)

    with pytest.raises(ValuescopeError, match=r"own\.gguf was changed or removed while"):
        replace(run, model_file=model_file)(on_progress=change)
    assert len(landed(home)) == 8
    assert landed(home, "runs")[0]["status"] == "failed"


def test_two_runs_of_a_model_in_different_designs_are_told_of_each_other(
    home: Home, shallow_file: ModelFile, run: Run
) -> None:
    notices: list[str] = []
    other = replace(run, design=replace(run.design, choice_order="reverse"))

    def start_another(done: int, planned: int) -> None:
        with ScoringSession(
            home,
            shallow_file,
            numerics=Numerics(compute_type="f32"),
            threads=1,
            path="sequence",
            on_notice=notices.append,
        ) as session:
            session.score(other.design, run.questions[:1], [])

    start_another(0, 0)
    assert notices == []
    run(on_progress=start_another)
    assert {"in another design" in notice for notice in notices} == {True}


def test_a_killed_compaction_leaves_rows_twice_until_the_next_run(run: Run, home: Home) -> None:
    run()
    (compacted,) = shards(home)
    rows = pq.read_table(compacted)
    pq.write_table(rows.slice(0, 8), compacted.with_name(f"{compacted.stem}-00000.parquet"))
    unfinished = compacted.with_name(f".{compacted.stem}-00001.parquet.1.tmp")
    unfinished.write_bytes(b"PAR1")
    assert run().cells_scored == 0
    assert shards(home) == [compacted]


def test_shards_of_a_stopped_run_are_merged_by_the_next(run: Run, home: Home) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(on_progress=stop_after(2, press_ctrl_c))
    (loose,) = shards(home)
    assert "-" in loose.stem
    run()
    assert ["-" in shard.stem for shard in shards(home)] == [False]
    assert len(answers(landed(home))) == len(landed(home)) == 16


def test_a_rotation_asks_only_questions_with_choices_enough(run: Run, home: Home) -> None:
    two_choices = load_instrument().question("Q57")
    run.questions.append(two_choices)
    rotated = replace(run, design=replace(run.design, choice_order="rotate_2"))
    assert rotated().cells_planned == 4
    only = replace(rotated, questions=[two_choices])
    with pytest.raises(ValuescopeError, match=r"asks none of the questions .* rotate_2"):
        only()


def test_a_run_records_what_its_speed_follows_from(run: Run, home: Home) -> None:
    summary = run()
    record = run_row(home, summary.run_id)
    assert 0 < record["seconds_decoding"] <= record["seconds_scoring"]
    assert record["tokens_decoded"] == summary.tokens_decoded > 0
    assert (record["study_name"], record["study_sha256"]) == (None, None)
