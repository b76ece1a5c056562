"""A run that is killed again and again ends with the rows of one that was left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scorer.tiny_models import write_tiny_model
from tests.valuescope.tiny_study import running_processes
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile, resolve_model
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.templates import named_template
from valuescope.scorer.process.engine_process import EngineError
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Country, Instrument, Question
from valuescope.warehouse.landing_zone.shards import run_records

KILLS = 10
QUESTIONS = tuple(f"Q{number}" for number in range(1, 27))
COUNTRIES = ("JPN", "USA")
NUMERICS = Numerics(compute_type="f32", batch_size=32)

# Scores what the test scores; is killed some seconds after it has said that it goes, and at the
# latest when it has a share of all cells, so that it never ends by itself, however fast it is.
RUN = """
import os, signal, sys, threading
from pathlib import Path
from tests.scorer.test_killed_runs import Scoring
from valuescope.scorer.models.files import resolve_model
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument

home, seconds, share = Home(Path(sys.argv[1])), float(sys.argv[3]), float(sys.argv[4])
instrument = load_instrument()
clock = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
clock.daemon = True

def watch(done, planned):
    if done >= share * planned:
        os.kill(os.getpid(), signal.SIGKILL)
    if clock.ident is None:
        clock.start()

with Scoring(instrument, resolve_model(sys.argv[2], home, instrument), home).session() as session:
    print(session.engine_process_id, flush=True)
    session.score(*Scoring.asked(instrument), on_progress=watch)
"""

Key = tuple[str, str, int]


@dataclass(frozen=True)
class Scoring:
    """Twenty-six questions in two countries and none, for a tiny model whose numbers are exact."""

    instrument: Instrument
    model_file: ModelFile
    home: Home

    def session(self) -> ScoringSession:
        return ScoringSession(self.home, self.model_file, numerics=NUMERICS, threads=1, path="tree")

    @staticmethod
    def asked(instrument: Instrument) -> tuple[PromptDesign, list[Question], list[Country]]:
        return (
            PromptDesign(named_template("paper"), answer_style="label", chat_mode="raw"),
            [instrument.question(question_id) for question_id in QUESTIONS],
            [instrument.country(country_id) for country_id in COUNTRIES],
        )

    def to_the_end(self) -> dict[Key, float]:
        with self.session() as session:
            session.score(*self.asked(self.instrument))
        return self.landed()

    def landed(self) -> dict[Key, float]:
        """The rows by key; each is there once."""
        shards = sorted((self.home.landing / "choice_log_likelihoods").glob("*.parquet"))
        rows = pa.concat_tables(map(pq.read_table, shards)).to_pylist() if shards else []
        found = {
            (row["question_id"], row["country_id"], row["choice_index"]): row["log_likelihood"]
            for row in rows
        }
        assert len(found) == len(rows)
        return found


@pytest.fixture
def tiny(home: Home, tmp_path: Path, instrument: Instrument) -> ModelFile:
    path = tmp_path / "tiny.gguf"
    write_tiny_model(path, "llama")
    return resolve_model(str(path), home, instrument)


def test_ten_kills_lose_and_repeat_nothing(
    home: Home, tmp_path: Path, tiny: ModelFile, instrument: Instrument
) -> None:
    dice = random.Random(20)
    expected = Scoring(instrument, tiny, home).to_the_end()
    killed = Scoring(instrument, tiny, Home(tmp_path / "killed"))
    before = 0
    for kill in range(KILLS):
        # Mostly while questions land, sometimes while the model is loaded and probed; every other
        # time not by the clock, so that a slow machine comes on too.
        seconds = dice.uniform(0, 0.2) if kill % 2 else 3600
        share = (kill + 1) / (KILLS + 2)
        child = subprocess.Popen(
            [sys.executable, "-c", RUN, killed.home.path, tiny.path, str(seconds), str(share)],
            cwd=CLONE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if kill % 5 == 4:
            time.sleep(dice.uniform(0, 2))
            child.kill()
        engine = child.communicate()[0].strip()
        assert child.returncode == -signal.SIGKILL, f"run {kill} ended before it was killed"
        wait_for_end(engine)
        rows = killed.landed()
        assert len(rows) >= before
        before = len(rows)
    assert 0 < before < len(expected)

    assert killed.to_the_end() == pytest.approx(expected, abs=1e-4)
    names = [path.name for path in (killed.home.landing / "choice_log_likelihoods").iterdir()]
    assert len(names) == 2  # the zero-row file and the compacted one


def test_an_engine_that_is_killed_ten_times_loses_and_repeats_nothing(
    home: Home, tmp_path: Path, tiny: ModelFile, instrument: Instrument
) -> None:
    expected = Scoring(instrument, tiny, home).to_the_end()
    killed = Scoring(instrument, tiny, Home(tmp_path / "killed"))
    signals = [signal.SIGKILL, signal.SIGILL, signal.SIGSEGV, signal.SIGABRT]
    for kill in range(KILLS):
        number, share = signals[kill % 4], kill / (KILLS + 2)
        with killed.session() as session:

            def end(
                done: int,
                planned: int,
                engine: int = session.engine_process_id,
                number: signal.Signals = number,
                share: float = share,
            ) -> None:
                if done >= share * planned:
                    os.kill(engine, number)

            with pytest.raises(EngineError, match=rf"computes tiny was ended by {number.name}"):
                session.score(*killed.asked(instrument), on_progress=end)
    statuses = Counter(record["status"] for record in run_records(killed.home, tiny.model_id))
    assert statuses == {"failed": KILLS}
    assert 0 < len(killed.landed()) < len(expected)
    assert killed.to_the_end() == pytest.approx(expected, abs=1e-4)


def wait_for_end(process_id: str) -> None:
    """The engine ends with the process that started it, whatever ended that one."""
    deadline = time.monotonic() + 30
    while process_id and int(process_id) in running_processes():
        assert time.monotonic() < deadline, process_id
        time.sleep(0.05)
