"""llama.cpp's log: errors are kept for messages, and each warning is decided here.

llama.cpp goes on after a warning, with a wrong tokenizer too. One that matches no line of
`WARNINGS` is reported in its own words.
"""

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from valuescope.scorer.engine.llama import llama
from valuescope.warehouse.errors import ValuescopeError

Decision = Literal["harmless", "reported", "refused"]

# ggml's levels.
_WARNING, _ERROR = 3, 4
_MOST_LINES, _SHOWN_CHARACTERS = 100, 200
_BUFFER = re.compile(r"^\S+: +(\S+) +.*buffer size = +([\d.]+) MiB")


@dataclass(frozen=True)
class Warned:
    """The treatment of a warning that `pattern` finds; `meaning` is the end of a sentence.

    Its beginning is the model's name.
    """

    pattern: str
    decision: Decision
    meaning: str = ""


MISSING_PRE_TOKENIZER = "missing pre-tokenizer type"
WARNINGS = (
    # The vocabulary.
    Warned(
        MISSING_PRE_TOKENIZER,
        "refused",
        "does not say how its tokenizer splits text (tokenizer.ggml.pre), like many files of early "
        "2024, and llama.cpp would split it wrongly. State it with --pre-tokenizer (llama-bpe, "
        "phi-2, qwen2, ..: the names of llama.cpp), or use a newer conversion.",
    ),
    Warned(
        r"^\w*:?\W*$|\*{8}|GENERATION QUALITY WILL BE DEGRADED|CONSIDER REGENERATING THE MODEL",
        "harmless",  # lines of the same warning
    ),
    Warned(
        "adding .* dummy tokens",
        "refused",
        "has no tokenizer, so that no question can be put to it. Choose another file of the model.",
    ),
    Warned(
        "newline token",
        "refused",
        "has no token for the line breaks that prompts have. Convert the model anew.",
    ),
    Warned("bad special token", "reported", "names a special token that its vocabulary lacks"),
    Warned("default special token", "harmless"),  # which is switched off
    Warned("empty token at index", "harmless"),  # no text gives that token
    # Which tokens end a text, or are not text themselves: llama.cpp corrects what files get wrong.
    Warned("control-looking token|attribute to USER_DEFINED", "harmless"),
    Warned("EOG list|special_eo[gstm]_id|EOG token id", "harmless"),
    Warned("override '.*add_bos_token' to 'true'", "harmless"),
    Warned("[Mm]ask token", "harmless"),
    Warned("Added an? (BOS|EOS) token to the prompt", "harmless"),  # not asked of llama.cpp
    # The file and its metadata.
    Warned("Bad metadata override type", "refused", "has metadata of a type that is not its own"),
    Warned("unused tensor", "harmless"),  # of tasks other than the next token
    Warned("unknown type", "harmless"),  # the name of a mixed quantization
    Warned(
        "[Ff]alling back to buffered|madvise|fadvise|munmap|Prefetch|[Mm]lock|VirtualLock"
        "|WorkingSetSize|VirtualUnlock|UnmapViewOfFile|CloseHandle|mmap|unlock buffer",
        "harmless",  # how a file is read
    ),
    # What is computed.
    Warned("yarn_attn_factor|padding V cache|sharing with layer|full-size SWA cache", "harmless"),
    Warned("n_ctx|kv_size|compute buffer|graph reuse|pipeline parallelism", "harmless"),
    Warned(
        "Phi SWA is currently disabled",
        "reported",
        "was trained with a sliding window that llama.cpp leaves out: prompts longer than the "
        "window are computed otherwise than its makers do",
    ),
    Warned(
        "flash_attn is not compatible|not supported, set to disabled",
        "refused",
        "cannot be computed with flash attention here. Leave --flash-attention out.",
    ),
    Warned(
        "MSA (requires|needs)",
        "refused",
        "would be computed with another attention than its own. Try --flash-attention and --path "
        "sequence.",
    ),
    Warned("non-consecutive token position", "refused", "lost the past of a sequence"),
    Warned("failed to find a memory slot|removing memory module entries", "harmless"),  # errors
    Warned("attention rotation force disabled|is assigned to device", "harmless"),
)


@dataclass(frozen=True)
class Buffer:
    """Memory that llama.cpp has set aside; `name` says where: CPU, CPU_Mapped, CUDA0, ..

    CPU_Mapped is a file's own pages; some processors multiply faster what a copy holds in another
    order (CPU_REPACK, AMX, ..).
    """

    name: str
    size: int

    @property
    def is_another_order(self) -> bool:
        """Return whether it holds weights in another order than the file's, as a copy."""
        return self.name in ("CPU_REPACK", "CPU_KLEIDIAI", "AMX")

    @property
    def is_in_main_memory(self) -> bool:
        """Return whether no GPU holds it."""
        return self.name.startswith(("CPU", "AMX"))


class Log:
    """All that llama.cpp has said since `start`; shown too where `is_shown`."""

    def __init__(self) -> None:
        self.is_shown = False
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._buffers: list[Buffer] = []
        # llama.cpp keeps the pointer, so the callback must outlive every call.
        self._callback = llama.llama_log_callback(self._receive)

    def start(self) -> None:
        """Listen, and forget what was said before."""
        self.errors.clear()
        self.warnings.clear()
        self._buffers.clear()
        llama.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _receive(self, level: int, text: bytes, _data: object) -> None:
        line = text.decode(errors="replace").strip()
        if level == _ERROR:
            self.errors.append(line)
        elif level == _WARNING and line not in self.warnings[-_MOST_LINES:]:
            self.warnings.append(line)
        elif found := _BUFFER.search(line):
            self._buffers.append(Buffer(found[1], round(float(found[2]) * 2**20)))
        if self.is_shown:
            os.write(2, text)

    @property
    def first_error(self) -> str:
        """Return the first error's text."""
        return self.errors[0] if self.errors else "llama.cpp gives no reason"

    def heard(self, pattern: str) -> bool:
        """Return whether a warning has `pattern` in it."""
        return any(re.search(pattern, line) for line in self.warnings)

    def take_buffers(self) -> tuple[Buffer, ...]:
        """Return the memory that llama.cpp has set aside since the last call."""
        taken, self._buffers = tuple(self._buffers), []
        return taken

    def take_reports(self, name: str) -> tuple[str, ...]:
        """Decide on all warnings about the model `name` and return what to report.

        Raises ValuescopeError where one of them is refused.
        """
        lines, self.warnings = self.warnings, []
        reports: dict[str, None] = {}
        for line in lines:
            warned = decided(line)
            if warned.decision == "refused":
                raise ValuescopeError(f"{name} {warned.meaning} (llama.cpp: {_short(line)})")
            if warned.decision == "reported" and warned.meaning:
                reports[f"{name} {warned.meaning} (llama.cpp: {_short(line)})."] = None
            elif warned.decision == "reported":
                reports[f"llama.cpp warns of {name}: {_short(line)}"] = None
        return tuple(reports)


def decided(line: str) -> Warned:
    """Return the decision on a warning; one that is not known is reported.

    >>> decided("load: model vocab missing newline token, using special_pad_id").decision
    'refused'
    >>> decided("something new").decision
    'reported'
    """
    known = (warned for warned in WARNINGS if re.search(warned.pattern, line))
    return next(known, Warned("", "reported"))


LOG = Log()


def show_log() -> None:
    """Write all that llama.cpp says to stderr from now on."""
    LOG.is_shown = True


@contextmanager
def quiet_log() -> Iterator[Log]:
    """Collect llama.cpp's log during one call outside a model; errors are kept."""
    LOG.start()
    yield LOG


def _short(line: str) -> str:
    text = " ".join(line.removeprefix("load: ").split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}.."
