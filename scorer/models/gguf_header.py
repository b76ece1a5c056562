"""Read what a GGUF file says of itself, without an engine.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. A header comes from
strangers: nothing is read beyond the file or a bound, and every count and length is checked before
it is used.
"""

import hashlib
import os
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from valuescope.warehouse.errors import ValuescopeError

Value = str | int | float | bool

_MAGIC = b"GGUF"
# Version 1 counted in 32 bits; llama.cpp no longer reads it.
_VERSIONS = (2, 3)
# The largest vocabularies take 20 MB and half a million texts.
_MOST_BYTES, _MOST_TEXTS, _BLOCK = 64 << 20, 1 << 22, 1 << 18
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9
_length = struct.Struct("<Q").unpack_from
_F32, _MOST_DIMENSIONS = 0, 4
_MOST_NORM_BYTES = 64 << 20
# llama.cpp's `llama_ftype`, in the names that llama.cpp itself prints.
_FILE_TYPES = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K"},
    **{11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S"},
    **{17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS"},
    **{23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S"},
    **{29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0"},
    **{38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0"},
}
# Kinds of files that hold no language model, by `general.type` or architecture.
_OTHER_KINDS = {
    "adapter": "a LoRA adapter, which changes another model",
    "imatrix": "an importance matrix, which guides a quantization",
    "mmproj": "a projector of pictures or sound, which belongs to another model",
    "clip": "a projector of pictures or sound, which belongs to another model",
    "controlvector": "a control vector, which changes another model",
}


class HeaderError(ValuescopeError):
    """A file that is not GGUF or is damaged; `problem` says in what way."""

    def __init__(self, path: Path, problem: str) -> None:
        self.problem = problem
        super().__init__(
            f"{path} {problem}. Check that the download is complete (compare its size and SHA-256 "
            "with the source) and is a .gguf file."
        )


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file: its shape, its type's number and its place after the header."""

    name: str
    shape: tuple[int, ...]
    type_number: int
    offset: int

    @property
    def size(self) -> int:
        """Return how many numbers it holds."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@dataclass(frozen=True)
class GgufHeader:
    """The metadata of a GGUF without its lists, its tensors, and where their data begin."""

    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    data_start: int

    @property
    def architecture(self) -> str | None:
        """Return the architecture, which also begins the names of its own metadata."""
        return self._text("general.architecture")

    @property
    def name(self) -> str | None:
        """Return the makers' name of the model, without the quantization."""
        return self._text("general.name")

    @cached_property
    def base_name(self) -> str | None:
        """Return the parts of the model's name that precisions of it share, else `general.name`.

        `general.base_model` does not help: it names the model that this one was tuned from as often
        as the one that it was quantized from.
        """
        keys = ("basename", "size_label", "finetune", "version")
        parts = [self._text(f"general.{key}") for key in keys]
        return "-".join(part for part in parts if part) if parts[0] else self.name

    @property
    def quantization(self) -> str | None:
        """Return the quantization that the file states, such as Q4_K_M."""
        return _FILE_TYPES.get(self._count("general.file_type", -1))

    @property
    def parameter_count(self) -> int:
        """Return how many weights the file holds; of a split model, those of this part only."""
        return sum(tensor.size for tensor in self.tensors)

    @property
    def part(self) -> tuple[int, int]:
        """Return the number of this part, counted from 1, and the number of parts."""
        return self._count("split.no", 0) + 1, max(1, self._count("split.count", 1))

    @property
    def has_chat_template(self) -> bool:
        """Return whether the model has a chat template."""
        return "tokenizer.chat_template" in self.metadata

    @property
    def other_kind(self) -> str | None:
        """Return what the file says it holds instead of a language model; None if nothing."""
        kinds = (self._text("general.type"), self.architecture)
        return next((_OTHER_KINDS[kind] for kind in kinds if kind in _OTHER_KINDS), None)

    @property
    def refusal(self) -> str | None:
        """Return why the file cannot be scored, as what it is instead; None if it can."""
        if self.other_kind is not None:
            return self.other_kind
        architecture = self.architecture
        if architecture is None:
            return "a file that names no architecture"
        if self.metadata.get("tokenizer.ggml.model", "no_vocab") == "no_vocab":
            return "a model without a tokenizer"
        if not self.tensors and self.part[1] == 1:
            return "a vocabulary without a model's weights"
        pooling = self.metadata.get(f"{architecture}.pooling_type", 0)
        if pooling != 0 or self.metadata.get(f"{architecture}.attention.causal") is False:
            return "an embedding model, which predicts no next token"
        return None

    def _text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        # A line of a terminal or a table is made of it.
        text = " ".join(value.split())[:200] if isinstance(value, str) else ""
        return "".join(filter(str.isprintable, text)) or None

    def _count(self, key: str, otherwise: int) -> int:
        value = self.metadata.get(key)
        return value if isinstance(value, int) else otherwise


def read_header(path: Path) -> GgufHeader:
    """Read a GGUF's header.

    Raises HeaderError for a file that is not GGUF or is damaged, and ValuescopeError for one that
    cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except _DamagedError as error:
        raise HeaderError(path, str(error)) from error
    except OSError as error:
        raise ValuescopeError(f"Cannot read {path}: {error.strerror}.") from error


def norms_sha256(parts: Sequence[Path]) -> str | None:
    """Return the SHA-256 of a model's normalisation weights, which no quantization changes.

    They are float32 in every GGUF. Models with different norms are not precisions of one model;
    models with equal norms need not be, because some tuning leaves norms alone. None without
    such weights, or if a header cannot be read.
    """
    digests: dict[str, bytes] = {}
    room = _MOST_NORM_BYTES
    for path in parts:
        try:
            header = read_header(path)
            with path.open("rb") as file:
                for tensor in header.tensors:
                    if _is_norm(tensor) and (room := room - 4 * tensor.size) >= 0:
                        file.seek(header.data_start + tensor.offset)
                        digests[tensor.name] = hashlib.sha256(file.read(4 * tensor.size)).digest()
        except (ValuescopeError, OSError, OverflowError):
            return None
    if not digests or room < 0:
        return None
    content = b"".join(name.encode() + digests[name] for name in sorted(digests))
    return hashlib.sha256(content).hexdigest()


def _is_norm(tensor: Tensor) -> bool:
    return (
        tensor.type_number == _F32
        and len(tensor.shape) == 1
        and re.search(r"norm\d?\.weight$", tensor.name) is not None
    )


class _DamagedError(Exception):
    """A fault of a header, as the end of a sentence about its file."""


class _Header:
    """The beginning of a file, read as far as it is needed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.file_size = os.fstat(file.fileno()).st_size
        self.data = bytearray()
        self.at = 0

    def need(self, end: int) -> None:
        """Read on until byte `end`. Raises _DamagedError where that is too far."""
        if end <= len(self.data):
            return
        if end > self.file_size:
            raise _DamagedError("is damaged or cut off: its header is longer than the file")
        if end > _MOST_BYTES:
            raise _DamagedError(f"is damaged: its header is longer than {_MOST_BYTES >> 20} MiB")
        while len(self.data) < end:
            block = self._file.read(max(_BLOCK, len(self.data), end - len(self.data)))
            if not block:
                raise _DamagedError("is damaged or cut off: its header is longer than the file")
            self.data += block

    def scalar(self, code: str) -> int | float | bool:
        size = struct.calcsize(f"<{code}")
        self.need(self.at + size)
        (value,) = struct.unpack_from(f"<{code}", self.data, self.at)
        self.at += size
        found: int | float | bool = value
        return found

    def count(self, code: str = "Q") -> int:
        return int(self.scalar(code))

    def text(self) -> str:
        length = self.count()
        self.need(self.at + length)
        content = self.data[self.at : self.at + length]
        self.at += length
        return content.decode(errors="replace")

    def skip_array(self) -> None:
        kind, count = self.count("I"), self.count()
        if kind == _STRING and _MOST_TEXTS < count <= self.file_size // 8:
            raise _DamagedError(f"is damaged: its header has a list of {count:,} texts")
        if kind == _STRING:
            # Half a million texts of a vocabulary: nothing is called for each.
            data, at = self.data, self.at
            for _ in range(count):
                if at + 8 > len(data):
                    self.need(at + 8)
                at += 8 + _length(data, at)[0]
            self.at = at
            self.need(at)
        elif kind in _SCALARS:
            self.at += count * struct.calcsize(f"<{_SCALARS[kind]}")
            self.need(self.at)
        else:
            raise _DamagedError(f"is damaged: its header has a list of the unknown type {kind}")


def _read(file: BinaryIO) -> GgufHeader:
    header = _Header(file)
    begins = bytes(file.read(4))
    if begins != _MAGIC:
        raise _DamagedError(f"is not a GGUF file: it begins with {begins!r}, not with {_MAGIC!r}")
    file.seek(0)
    header.need(4)
    header.at = 4
    version = header.count("I")
    if version not in _VERSIONS:
        if version & 0xFFFF == 0:
            raise _DamagedError("is a GGUF file for big-endian machines")
        raise _DamagedError(f"is a GGUF file of version {version}, not 2 or 3")
    tensor_count, value_count = header.count(), header.count()
    metadata = dict(_metadata(header, value_count))
    tensors = tuple(_tensors(header, tensor_count))
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise _DamagedError(f"is damaged: its data are aligned to {alignment!r} bytes")
    data_start = -(-header.at // alignment) * alignment
    furthest = max((tensor.offset for tensor in tensors), default=0)
    # No type takes less than a bit a weight.
    if sum(tensor.size for tensor in tensors) > 8 * header.file_size:
        raise _DamagedError("is damaged or cut off: it states more weights than it has bits")
    if tensors and data_start + furthest >= header.file_size:
        raise _DamagedError(
            f"is cut off: it has {header.file_size} bytes, and weights begin after byte "
            f"{data_start + furthest}"
        )
    return GgufHeader(metadata, tensors, data_start)


def _metadata(header: _Header, count: int) -> Iterator[tuple[str, Value]]:
    for _ in range(count):
        key, kind = header.text(), header.count("I")
        if kind == _STRING:
            yield key, header.text()
        elif kind == _ARRAY:
            header.skip_array()
        elif kind in _SCALARS:
            yield key, header.scalar(_SCALARS[kind])
        else:
            raise _DamagedError(f"is damaged: its header has a value of the unknown type {kind}")


def _tensors(header: _Header, count: int) -> Iterator[Tensor]:
    for _ in range(count):
        name, dimensions = header.text(), header.count("I")
        if dimensions > _MOST_DIMENSIONS:
            raise _DamagedError(f"is damaged: it has a tensor of {dimensions} dimensions")
        shape = tuple(header.count() for _ in range(dimensions))
        yield Tensor(name, shape, header.count("I"), header.count())
