"""llama.cpp behind two values: a loaded model and a context that decodes tokens.

Uses llama-cpp-python's low-level API, because the high-level one sorts the vocabulary for each
token, is off by one for models without BOS, and holds logits of every position.
"""

import ctypes
import importlib.metadata
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from scorer.chat import render_chat
from warehouse.errors import ValuescopeError

_LOG_ERROR = 4
_ALL_LAYERS = 999
# Room for rows of logits in one batch; a row of a large vocabulary is a megabyte.
_OUTPUT_BYTES = 128 << 20
# Architectures that turn a text into a vector and predict no next token.
_EMBEDDING_ARCHITECTURES = ("bert", "nomic-bert", "jina-bert", "t5encoder", "embedding")
_CACHE_TYPES = {"f32": llama.GGML_TYPE_F32, "f16": llama.GGML_TYPE_F16}


@dataclass(frozen=True)
class Numerics:
    """The settings that shape rounding errors, part of every row's identity.

    The defaults agree best between scoring paths: an F32 cache and no flash attention.
    """

    compute_type: str = "as-is"
    kv_cache_type: str = "f32"
    flash_attention: bool = False
    batch_size: int = 512
    gpu_layers: int = 0


@dataclass(frozen=True)
class ModelDescription:
    """What a GGUF file says of itself; None where it says nothing."""

    architecture: str | None
    parameter_count: int
    quantization: str | None
    context_length: int
    vocabulary_size: int
    chat_template: str | None


def engine_version() -> str:
    """The version of llama-cpp-python, which fixes that of llama.cpp."""
    return f"llama-cpp-python {importlib.metadata.version('llama-cpp-python')}"


def default_threads() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_gpu_layers() -> int:
    """All layers when llama.cpp was built for a GPU, else none."""
    return _ALL_LAYERS if llama.llama_supports_gpu_offload() else 0


class _Log:
    """llama.cpp's log: errors are kept for messages, everything is shown when verbose."""

    def __init__(self) -> None:
        self.verbose = False
        self.errors: list[str] = []
        # llama.cpp keeps the pointer, so the callback must outlive every call.
        self._callback = llama.llama_log_callback(self._receive)

    def start(self, verbose: bool) -> None:
        self.verbose = verbose
        self.errors.clear()
        llama.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _receive(self, level: int, text: bytes, _data: object) -> None:
        line = text.decode(errors="replace")
        if level == _LOG_ERROR:
            self.errors.append(line.strip())
        if self.verbose:
            os.write(2, text)

    @property
    def first_error(self) -> str:
        return self.errors[0] if self.errors else "llama.cpp gives no reason"


_log = _Log()


class Model:
    """A loaded GGUF: its vocabulary, its description and its chat template. Use as a context."""

    def __init__(
        self,
        path: Path,
        name: str,
        is_chat: bool | None = None,
        gpu_layers: int = 0,
        vocabulary_only: bool = False,
        verbose: bool = False,
    ) -> None:
        """Load `path`; `is_chat` None takes a model with a chat template for a chat model.

        Raises ValuescopeError when the file is no GGUF, is cut off or is an embedding model.
        """
        self.path, self.name = path, name
        _log.start(verbose)
        llama.llama_backend_init()
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = gpu_layers
        parameters.vocab_only = vocabulary_only
        self._model = llama.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self._model:
            raise ValuescopeError(
                f"{path} is no usable GGUF model: {_log.first_error}. Check that the download is "
                "complete (compare its size and SHA-256 with the source) and is a .gguf file."
            )
        try:
            self._vocabulary = llama.llama_model_get_vocab(self._model)
            self.description = self._describe()
            self._refuse_embedding_model()
            has_template = self.description.chat_template is not None
            self.is_chat = has_template if is_chat is None else is_chat
            self.adds_bos = bool(llama.llama_vocab_get_add_bos(self._vocabulary))
            self.bos: int = llama.llama_vocab_bos(self._vocabulary)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the weights."""
        if self._model:
            llama.llama_model_free(self._model)
            self._model = None

    @property
    def is_attention_only(self) -> bool:
        """False for recurrent and hybrid memories, whose sequences cannot share or be cut."""
        return not (
            llama.llama_model_is_recurrent(self._model) or llama.llama_model_is_hybrid(self._model)
        )

    def tokenise(self, text: str, special: bool = False) -> tuple[int, ...]:
        """Token ids of `text` without BOS; `special` reads control tokens spelled out in it."""
        content = text.encode()
        size = len(content) + 8
        while True:
            buffer = (llama.llama_token * size)()
            count = llama.llama_tokenize(
                self._vocabulary, content, len(content), buffer, size, False, special
            )
            if count >= 0:
                return tuple(buffer[:count])
            size = -count

    def tokenise_with_bos(self, text: str, special: bool = False) -> tuple[int, ...]:
        """Token ids of `text`, BOS first when the model's metadata asks for it, never twice."""
        tokens = self.tokenise(text, special)
        if self.adds_bos and tokens[:1] != (self.bos,):
            return (self.bos, *tokens)
        return tokens

    def piece(self, token: int) -> str:
        """The text of one token, control tokens spelled out."""
        buffer = ctypes.create_string_buffer(256)
        length = llama.llama_token_to_piece(self._vocabulary, token, buffer, 256, 0, True)
        return buffer.raw[: max(0, length)].decode(errors="replace")

    def chat_text(self, user_text: str) -> str:
        """`user_text` as the user's turn of the model's chat template.

        Raises ValuescopeError when the file has no template or the template fails.
        """
        template = self.description.chat_template
        if template is None:
            raise ValuescopeError(
                f"{self.name} is a chat model but its file has no chat template. Ask it in plain "
                "text with --chat raw."
            )
        return render_chat(
            template,
            user_text,
            self._token_text(self.bos),
            self._token_text(llama.llama_vocab_eos(self._vocabulary)),
            self.name,
        )

    def new_context(
        self, context_size: int, numerics: Numerics, threads: int, sequences: int = 1
    ) -> "Context":
        """A context of `context_size` tokens. Raises ValuescopeError when memory is short."""
        return Context(self, self._model, context_size, numerics, threads, sequences)

    def _token_text(self, token: int) -> str:
        if token < 0:
            return ""
        text: bytes | None = llama.llama_vocab_get_text(self._vocabulary, token)
        return (text or b"").decode(errors="replace")

    def _describe(self) -> ModelDescription:
        file_type = llama.llama_ftype_name(llama.llama_model_ftype(self._model))
        template = llama.llama_model_chat_template(self._model, None)
        return ModelDescription(
            architecture=self._metadata("general.architecture"),
            parameter_count=int(llama.llama_model_n_params(self._model)),
            quantization=file_type.decode() if file_type else None,
            context_length=int(llama.llama_model_n_ctx_train(self._model)),
            vocabulary_size=int(llama.llama_vocab_n_tokens(self._vocabulary)),
            chat_template=template.decode() if template else None,
        )

    def _metadata(self, key: str) -> str | None:
        size = 256
        buffer = ctypes.create_string_buffer(size)
        length = llama.llama_model_meta_val_str(self._model, key.encode(), buffer, size)
        return buffer.value.decode(errors="replace") if length >= 0 else None

    def _refuse_embedding_model(self) -> None:
        architecture = self.description.architecture or ""
        pooling = self._metadata(f"{architecture}.pooling_type")
        causal = self._metadata(f"{architecture}.attention.causal")
        pools = pooling not in (None, "0")
        if (
            pools
            or causal == "false"
            or any(name in architecture for name in _EMBEDDING_ARCHITECTURES)
        ):
            raise ValuescopeError(
                f"{self.path} is an embedding model ({architecture}): it predicts no next token, "
                "so it has no answer probabilities. Choose a text generation model."
            )


@dataclass(frozen=True)
class BatchToken:
    """One token to decode: its place, the sequences it belongs to, and what may follow it.

    `wanted` are the token ids whose probability right after this token is asked for.
    """

    token: int
    position: int
    sequences: Sequence[int]
    wanted: Collection[int]


class Context:
    """A key-value cache of fixed size and the batches that fill it. Use as a context manager."""

    def __init__(
        self,
        model: Model,
        handle: Any,
        context_size: int,
        numerics: Numerics,
        threads: int,
        sequences: int,
    ) -> None:
        self.size, self.batch_size = context_size, numerics.batch_size
        self.sequences = sequences
        self.tokens_decoded = 0
        self._name = model.name
        self._vocabulary_size = model.description.vocabulary_size
        self._most_rows = max(1, _OUTPUT_BYTES // (4 * self._vocabulary_size))
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = context_size
        parameters.n_batch = parameters.n_ubatch = numerics.batch_size
        parameters.n_seq_max = sequences
        # One cache for all sequences, which then share cells; and a whole one for models with a
        # sliding window, where a pruned cache goes wrong without saying so.
        parameters.kv_unified = True
        parameters.swa_full = True
        parameters.type_k = parameters.type_v = _CACHE_TYPES[numerics.kv_cache_type]
        parameters.flash_attn_type = int(numerics.flash_attention)
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.no_perf = True
        self._batch: Any = None
        self._context = llama.llama_init_from_model(handle, parameters)
        if not self._context:
            raise ValuescopeError(
                f"No context of {context_size} tokens for {model.name}: {_log.first_error}. Free "
                "memory or use a smaller model."
            )
        self._memory = llama.llama_get_memory(self._context)
        self._batch = llama.llama_batch_init(numerics.batch_size, 0, sequences)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the cache."""
        if self._batch is not None:
            llama.llama_batch_free(self._batch)
            self._batch = None
        if self._context:
            llama.llama_free(self._context)
            self._context = None

    def clear(self) -> None:
        """Empty the cache."""
        llama.llama_memory_clear(self._memory, True)

    def forget_after(self, sequences: int, position: int) -> None:
        """Drop what the first `sequences` sequences hold from `position` on.

        Raises ValuescopeError where the model's memory cannot be cut.
        """
        for sequence in range(sequences):
            if not llama.llama_memory_seq_rm(self._memory, sequence, position, -1):
                raise ValuescopeError(
                    f"The memory of {self._name} cannot be rewound; score it with --path sequence."
                )

    def decode(self, tokens: Sequence[BatchToken]) -> list[dict[int, float]]:
        """Decode `tokens`, at most `batch_size`, after what the cache holds.

        Returns, for each token, the natural-log probabilities of what was wanted after it.
        Raises ValuescopeError when llama.cpp fails or logits are not finite.
        """
        batch = self._batch
        for index, entry in enumerate(tokens):
            batch.token[index] = entry.token
            batch.pos[index] = entry.position
            batch.n_seq_id[index] = len(entry.sequences)
            target = batch.seq_id[index]
            for place, sequence in enumerate(entry.sequences):
                target[place] = sequence
            batch.logits[index] = bool(entry.wanted)
        batch.n_tokens = len(tokens)
        _log.errors.clear()
        code = llama.llama_decode(self._context, batch)
        if code != 0:
            raise ValuescopeError(
                f"llama.cpp could not decode {len(tokens)} tokens with {self._name} (code {code}: "
                f"{_log.first_error}). Nothing of this question was kept; repeat the command, or "
                "try a smaller model if memory ran out."
            )
        self.tokens_decoded += len(tokens)
        return [
            self._read_row(index, entry.wanted) if entry.wanted else {}
            for index, entry in enumerate(tokens)
        ]

    def _read_row(self, index: int, tokens: Iterable[int]) -> dict[int, float]:
        pointer = llama.llama_get_logits_ith(self._context, index)
        if not pointer:
            raise ValuescopeError(f"llama.cpp gave no logits for {self._name}; repeat the command.")
        row = np.ctypeslib.as_array(pointer, shape=(self._vocabulary_size,))
        return log_probabilities(row, tokens, self._name)

    def batches(self, tokens: Iterable[BatchToken]) -> Iterator[list[BatchToken]]:
        """Cut `tokens` into batches within the batch size and the room for output rows."""
        batch: list[BatchToken] = []
        rows = 0
        for entry in tokens:
            batch.append(entry)
            rows += bool(entry.wanted)
            if len(batch) == self.batch_size or rows == self._most_rows:
                yield batch
                batch, rows = [], 0
        if batch:
            yield batch


def log_probabilities(
    logits: NDArray[np.float32], tokens: Iterable[int], model_name: str
) -> dict[int, float]:
    """Natural-log softmax of one row of logits at `tokens`, in float64 over the whole vocabulary.

    Raises ValuescopeError when the row has a NaN or no finite maximum.

    >>> round(log_probabilities(np.zeros(4, np.float32), [2], "m")[2], 6)
    -1.386294
    """
    row = logits.astype(np.float64)
    maximum = float(row.max())
    normaliser = maximum + float(np.log(np.exp(row - maximum).sum()))
    if not np.isfinite(normaliser):
        raise ValuescopeError(
            f"{model_name} gives logits that are not numbers (NaN or infinite), so no answer can "
            "be scored. The file may be damaged, or its computation overflows: try another "
            "quantization."
        )
    return {token: float(row[token]) - normaliser for token in tokens}
