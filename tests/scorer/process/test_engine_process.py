"""The engine's process: what it answers, and how its end is told."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scorer.tiny_models import write_tiny_model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.process.engine_process import EngineError, EngineProcess
from valuescope.scorer.process.messages import Effort, LoadRequest, Prepared, ScoredQuestion
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.landing_zone.shards import run_records


def request(path: Path, home: Home, instrument: Instrument) -> LoadRequest:
    return LoadRequest(
        model_file=resolve_model(str(path), home, instrument),
        numerics=Numerics(compute_type="as-is"),
        home=home,
        threads=1,
        path="auto",
        earlier=None,
        measures=False,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_tiny_model(path, "llama")
    return path


@pytest.fixture
def process() -> Iterator[EngineProcess]:
    with EngineProcess("tiny", patience=120) as process:
        yield process


def test_a_stream_that_is_left_early_leaves_the_process_ready_for_the_next_call(
    process: EngineProcess,
    tiny: Path,
    home: Home,
    label_design: PromptDesign,
    instrument: Instrument,
) -> None:
    prepared: Prepared = process.call("load", request(tiny, home, instrument))
    assert prepared.row["model_name"] == "tiny"
    questions = [instrument.question(f"Q{number}") for number in range(1, 9)]
    names = [question.question_id for question in questions]
    process.call("open", label_design, questions, [])
    whole = list(process.stream("score", names, ()))
    assert [item.question_id for item in whole if isinstance(item, ScoredQuestion)] == names
    assert sum((item for item in whole if isinstance(item, Effort)), Effort()).tokens_decoded > 0

    left = process.stream("score", names, ())
    assert next(left).question_id == "Q1"
    left.close()
    process.call("open", label_design, questions[3:4], [])
    (again,) = (i for i in process.stream("score", ["Q4"], ()) if isinstance(i, ScoredQuestion))
    assert again.cells == 1


def test_a_problem_of_the_engine_is_raised_here_and_ends_nothing(
    process: EngineProcess, tiny: Path, home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and no more")
    with pytest.raises(ValuescopeError, match=r"broken\.gguf"):
        process.call("load", request(broken, home, instrument))
    assert process.call("load", request(tiny, home, instrument)).row["model_name"] == "tiny"


def test_a_fault_of_ours_is_raised_here_with_its_own_traceback(process: EngineProcess) -> None:
    with pytest.raises(TypeError) as raised:
        process.call("load")
    assert "In the engine's process" in raised.value.__notes__[0]


def test_an_engine_that_gives_no_sign_of_life_is_ended_and_told_of_before() -> None:
    notices: list[str] = []
    with EngineProcess("tiny", patience=3, on_notice=notices.append) as process:
        os.kill(process.process_id, signal.SIGSTOP)
        with pytest.raises(EngineError, match=r"tiny gave no sign of life for .* seconds"):
            process.call("has_gpu_support")
        assert process.is_over
    (notice,) = notices
    assert "tiny has given no sign of life" in notice


def test_signals_for_the_whole_command_are_left_to_the_process_that_lands(
    process: EngineProcess,
) -> None:
    process.call("has_gpu_support")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process.process_id, number)
    assert process.call("has_gpu_support") in (True, False)


def test_a_model_that_makes_llama_cpp_abort_fails_alone(
    home: Home, tmp_path: Path, label_design: PromptDesign, instrument: Instrument
) -> None:
    path = tmp_path / "fatal.gguf"
    write_tiny_model(path, "llama", epsilon=-1)
    model_file = resolve_model(str(path), home, instrument)
    with ScoringSession(home, model_file, numerics=Numerics("as-is"), threads=1) as session:
        with pytest.raises(EngineError, match=r"computes fatal was ended by SIGABRT") as raised:
            session.score(label_design, [instrument.question("Q1")], [])
        # The last lines are those of the abort itself, not of loading.
        assert "GGML_ASSERT" in str(raised.value)
        # It would end the next process too.
        with pytest.raises(EngineError):
            session.score(label_design, [instrument.question("Q1")], [])
    assert run_records(home, model_file.model_id) == []


def test_llama_cpps_own_log_is_shown_where_it_is_asked_for(
    tiny: Path, home: Home, instrument: Instrument, capfd: pytest.CaptureFixture[str]
) -> None:
    for verbose in (False, True):
        with EngineProcess("tiny", verbose=verbose) as process:
            process.call("load", request(tiny, home, instrument))
        assert ("llama_model_loader" in capfd.readouterr().err) is verbose


def test_what_lands_answers_never_loads_the_engine() -> None:
    script = (
        "import sys, valuescope.commands.score, valuescope.commands.doctor, "
        "valuescope.commands.prompt, valuescope.scorer.cluster.plan\n"
        "sys.exit('llama_cpp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=CLONE, check=False).returncode == 0
