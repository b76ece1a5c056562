"""llama.cpp's own multiple-choice scorer in C++, run on our prompts: a yardstick for speed."""

import itertools
import json
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The context holds --parallel times --ctx-size tokens: here 512 and 1024, room for a few tasks. The
# clock also runs while the tool makes room for the logits of all of them, so that more only costs.
# No change of its other defaults (flash attention, ubatches of 512) made it faster.
SETTINGS = (
    ("--parallel", "32", "--ctx-size", "16"),
    ("--parallel", "64", "--ctx-size", "16"),
)
_ATTEMPTS = 3


@dataclass(frozen=True)
class Task:
    """A question and its answers; the tool puts a space between them and tokenises them itself.

    It reads control tokens as plain text: a raw prompt has our tokens, one of a chat template more.
    `expected` is the index of the answer that should win: the tool takes the highest
    log-likelihood per token.
    """

    question: str
    answers: tuple[str, ...]
    expected: int = 0


@dataclass(frozen=True)
class ToolRun:
    """What the tool did: `seconds` of scoring, without loading, tokenising and warming up.

    `tokens` is how many it decoded, `agreement` the share of tasks that the expected answer won.
    """

    choices: int
    seconds: float
    tokens: int
    agreement: float

    @property
    def choices_per_second(self) -> float:
        return self.choices / self.seconds


def compiled_tool() -> Path:
    """The path of llama-perplexity; the first call on a machine compiles for minutes."""
    command = [sys.executable, "-m", "scripts.multiple_choice_tool", ".venv/stamps"]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Path(result.stdout.strip())


def llama_cpp_vocabularies() -> Path:
    """The folder of the vocabularies of real models that llama.cpp's source has."""
    return compiled_tool().parent / "vocabularies"


def task_file(tasks: Sequence[Task]) -> bytes:
    """The tool's binary file: task count, offset of each task, tasks; integers of 32 bits.

    A task is its question, its answers with a 1 for the right one and a 0 for others, and answers
    of a second kind, which the tool reads and ignores. See multiple_choice_task in perplexity.cpp.
    """
    contents = [
        _text(task.question) + _answers(task.answers, task.expected) + _answers((), 0)
        for task in tasks
    ]
    offsets = itertools.accumulate(map(len, contents[:-1]), initial=4 * (1 + len(contents)))
    return b"".join([_integers(len(contents), *offsets), *contents])


def run_tool(
    tool: Path, model: Path, tasks: Sequence[Task], threads: int, settings: Sequence[str]
) -> ToolRun:
    """Score `tasks` with the GGUF file `model`.

    Raises RuntimeError with the tool's log when it does not score: it exits with 0 even then.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(task_file(tasks))
        file.flush()
        command: list[str | Path] = [
            *(tool, "--model", model, "--multiple-choice", "--binary-file", file.name),
            *("--threads", str(threads), *settings),
            # One JSON object a message, with its time in microseconds; 4 also counts tokens.
            *("--log-jsonl", "--verbosity", "4"),
        ]
        for _ in range(_ATTEMPTS):
            finished = subprocess.run(command, capture_output=True, text=True, check=False)
            # It exits without waiting for its log, so that the last lines can be missing.
            if finished.returncode or "prompt eval time" in finished.stdout:
                break
    output = finished.stdout
    start, _ = _message(r"\ntask\tacc_norm", output)
    end, agreement = _message(r"Final result: (\S+)", output)
    _, tokens = _message(r"prompt eval time = .* / +(\d+) tokens", output)
    return ToolRun(
        choices=sum(len(task.answers) for task in tasks),
        seconds=(end - start) / 1e6,
        tokens=int(tokens[1]),
        agreement=float(agreement[1]) / 100,
    )


def _message(pattern: str, output: str) -> tuple[int, re.Match[str]]:
    """The time of the first message of the log that matches, and the match."""
    entries = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    messages = [entry for entry in entries if entry["type"] == "log"]
    for message in messages:
        if match := re.search(pattern, message["msg"]):
            return message["time"], match
    raise RuntimeError("".join(message["msg"] for message in messages) or output)


def _integers(*numbers: int) -> bytes:
    return struct.pack(f"={len(numbers)}i", *numbers)


def _text(text: str) -> bytes:
    content = text.encode()
    return _integers(len(content)) + content


def _answers(texts: Sequence[str], expected: int) -> bytes:
    labels = _integers(*(index == expected for index in range(len(texts))))
    return b"".join([_integers(len(texts)), *map(_text, texts), labels])
