"""A run that is killed again and again ends with the rows of one that was left alone."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scorer.scoring import score
from valuescope.scorer.design import PromptDesign
from valuescope.scorer.models import ModelFile
from valuescope.scorer.numerics import Numerics
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instrument import Instrument

KILLS = 20
QUESTIONS = tuple(f"Q{number}" for number in range(1, 27))
COUNTRIES = ("JPN", "USA")

# Scores what the test scores; is killed some seconds after it has said that it goes, and at the
# latest when it has a share of all cells, so that it never ends by itself, however fast it is.
RUN = """
import os, signal, sys, threading
from pathlib import Path
from valuescope.scorer.design import PromptDesign
from valuescope.scorer.numerics import Numerics
from valuescope.scorer.models import resolve_model
from tests.scorer.scoring import score
from valuescope.scorer.templates import named_template
from valuescope.warehouse.home import Home
from valuescope.warehouse.instrument import load_instrument

home, seconds, share = Home(Path(sys.argv[1])), float(sys.argv[2]), float(sys.argv[3])
questions, countries = sys.argv[4:]
instrument = load_instrument()
clock = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
clock.daemon = True

def watch(done, planned):
    if done >= share * planned:
        os.kill(os.getpid(), signal.SIGKILL)
    if clock.ident is None:
        clock.start()

score(
    home,
    resolve_model("smollm2-135m-instruct", home, instrument),
    PromptDesign(named_template("paper"), answer_style="label", chat_mode="raw"),
    [instrument.question(question_id) for question_id in questions.split(",")],
    [instrument.country(country_id) for country_id in countries.split(",")],
    numerics=Numerics(compute_type="f32", batch_size=32), threads=1, path="tree",
    on_progress=watch,
)
"""

Key = tuple[str, str, int]


def landed(home: Home) -> list[tuple[Key, float]]:
    shards = sorted((home.landing / "choice_log_likelihoods").glob("*.parquet"))
    rows = pa.concat_tables([pq.read_table(shard) for shard in shards]).to_pylist()
    return [
        ((row["question_id"], row["country_id"], row["choice_index"]), row["log_likelihood"])
        for row in rows
    ]


def test_twenty_kills_lose_and_repeat_nothing(
    home: Home,
    tmp_path: Path,
    smollm2_file: ModelFile,
    label_design: PromptDesign,
    instrument: Instrument,
) -> None:
    dice = random.Random(20)
    killed = Home(tmp_path / "killed")
    killed.models.mkdir(parents=True)
    arguments = (",".join(QUESTIONS), ",".join(COUNTRIES))
    numerics = Numerics(compute_type="f32", batch_size=32)
    questions = [instrument.question(question_id) for question_id in QUESTIONS]
    countries = [instrument.country(country_id) for country_id in COUNTRIES]
    score(home, smollm2_file, label_design, questions, countries, numerics=numerics, threads=1)
    (killed.models / "computed").symlink_to(home.models / "computed")

    before = 0
    for kill in range(KILLS):
        # Mostly while questions land, sometimes while the model is loaded and probed; every other
        # time not by the clock, so that a slow machine comes on too.
        seconds = dice.uniform(0, 0.4) if kill % 2 else 3600
        share = (kill + 1) / (KILLS + 2)
        child = subprocess.Popen(
            [sys.executable, "-c", RUN, str(killed.path), str(seconds), str(share), *arguments],
            cwd=CLONE,
        )
        if kill % 5 == 4:
            time.sleep(dice.uniform(0, 2))
            child.kill()
        assert child.wait() == -signal.SIGKILL, f"run {kill} ended before it was killed"
        if not (killed.landing / "choice_log_likelihoods").exists():
            continue
        rows = landed(killed)
        assert max(Counter(key for key, _ in rows).values(), default=1) == 1
        assert len(rows) >= before
        before = len(rows)
    assert 0 < before < len(landed(home))

    score(killed, smollm2_file, label_design, questions, countries, numerics=numerics, threads=1)
    expected, found = dict(landed(home)), landed(killed)
    assert len(found) == len(expected)
    assert dict(found) == pytest.approx(expected, abs=1e-4)
    names = [path.name for path in (killed.landing / "choice_log_likelihoods").iterdir()]
    assert len(names) == 2  # the zero-row file and the compacted one
