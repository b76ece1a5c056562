"""Render chat templates in a process of their own, with limits.

A chat template is code of the model file's author: it may loop for ever, fill the memory or
raise anything. The process is started once and renders one conversation after the other; requests
and answers are lines of JSON. One that a template ends is replaced by the next.
"""

import atexit
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, BinaryIO, NoReturn

import jinja2
import jinja2.parser
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Templates may print today's date; a fixed one keeps prompts from changing overnight.
FIXED_DATE = datetime(2024, 7, 26)
# A rendering takes a millisecond; seconds are processor time, which other programs do not take.
SECONDS_A_RENDERING = 5.0
_MEMORY_BYTES, _MOST_CHARACTERS, _SHOWN_CHARACTERS = 1 << 30, 1 << 20, 200
# How Python prints objects that have no text of their own; it differs from process to process.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+>")


class TemplateError(Exception):
    """Why a template cannot be rendered, as the end of a sentence about it."""


class TemplateProcess:
    """The process that renders. It is started when it is needed, and again where it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def render(self, template: str, variables: Mapping[str, Any]) -> str:
        """Render one conversation. Raises TemplateError for whatever the template does wrong."""
        request = json.dumps({"template": template, "variables": variables}).encode() + b"\n"
        with self._lock:
            if self._process is None:
                self._process = _start()
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            line = b""
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(request)
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            if not line.endswith(b"\n"):
                raise TemplateError(_end(self._close()))
        answer = json.loads(line)
        if "problem" in answer:
            raise TemplateError(answer["problem"])
        text: str = answer["text"]
        return text

    def close(self) -> None:
        """End the process; the next rendering starts another."""
        with self._lock:
            self._close()

    def _close(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        return process.wait()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Render requests until their stream ends."""
    # Systems that know no such limit have the one of time and the one of size.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    for line in requests:
        request = json.loads(line)
        # Python handles no signal within a long operation; the system ends the process at once.
        signal.setitimer(signal.ITIMER_PROF, SECONDS_A_RENDERING)
        answer = _answer(request["template"], request["variables"])
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _answer(template: str, variables: Mapping[str, Any]) -> dict[str, str]:
    try:
        text = _compiled(template).render(variables)
    except MemoryError:
        return {"problem": f"takes more than {_MEMORY_BYTES >> 20} MiB of memory"}
    except Exception as error:  # a template raises what it likes
        reason = " ".join(str(error).split())[:_SHOWN_CHARACTERS]
        return {"problem": f"fails ({type(error).__name__}{': ' if reason else ''}{reason})"}
    if len(text) > _MOST_CHARACTERS:
        return {"problem": f"writes {len(text):,} characters"}
    if _ADDRESS.search(text):
        return {"problem": "prints an address in memory, which is another in each process"}
    return {"text": text}


@cache
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", _Generation],
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = FIXED_DATE.strftime
    # Prompts are the same each time.
    del environment.filters["random"], environment.globals["lipsum"]
    return environment.from_string(template)


class _Generation(Extension):
    """`{% generation %}`, with which templates mark the assistant's words for training."""

    tags = {"generation"}  # noqa: RUF012, which is how Jinja declares it

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node | list[jinja2.nodes.Node]:
        """Return the statements inside, as if the mark were not there."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body).set_lineno(line)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Sequence[str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return JSON as transformers has it; Jinja's own escapes what means something in HTML."""
    pair = None if separators is None else (separators[0], separators[1])
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=pair, sort_keys=sort_keys
    )


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Nothing of this process that a template could read, and one order of all that is hashed.
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "0"},
    )


def _end(code: int) -> str:
    """Return what to say of a process that a template has ended."""
    if code == -signal.SIGPROF:
        return f"takes more than {SECONDS_A_RENDERING:g} seconds"
    return f"ends the process that renders it (exit code {code})"


TEMPLATES = TemplateProcess()
atexit.register(TEMPLATES.close)

if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
