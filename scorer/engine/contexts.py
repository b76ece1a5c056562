"""llama.cpp behind two values: a loaded model and a context that decodes tokens.

Uses llama-cpp-python's low-level API, because the high-level one sorts the vocabulary for each
token, is off by one for models without BOS, and holds logits of every position.
"""

import ctypes
import math
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from valuescope.scorer.engine.closing import Closing
from valuescope.scorer.engine.llama import llama
from valuescope.scorer.engine.log import LOG, MISSING_PRE_TOKENIZER
from valuescope.scorer.engine.memory import resident_bytes
from valuescope.scorer.engine.numerics import BYTES_A_WEIGHT, Numerics
from valuescope.scorer.models.chat_template import ChatTemplate, open_chat_template
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.models.gguf_header import read_header
from valuescope.scorer.models.supplied_metadata import (
    CHAT_TEMPLATE,
    PRE_TOKENIZER,
    supplied_metadata,
)
from valuescope.scorer.process.messages import ModelDescription
from valuescope.warehouse.errors import ValuescopeError

# Room for rows of logits in one batch; a row of a large vocabulary is a megabyte.
_OUTPUT_BYTES = 64 << 20
# Of a question's cells and rows in Python: 25 to 80 MB were measured.
_CELLS_BYTES = 48 << 20
# Fewer rows than these llama.cpp does not give to BLAS.
LEAST_BLAS_ROWS = 32
# Files that are large enough to ask llama.cpp first how it will hold them.
_LARGE_FILE = 256 << 20
# GPUs with memory of their own and those that share the processor's, as ggml numbers devices.
_GPU_DEVICES = (1, 2)
# Architectures that turn a text into a vector and predict no next token.
_EMBEDDING_ARCHITECTURES = ("bert", "nomic-bert", "jina-bert", "t5encoder", "embedding")
# The roles of special tokens: what metadata call them, and llama.cpp's own default.
_SPECIAL_TOKENS: Mapping[str, tuple[str, Callable[[Any], int]]] = {
    "bos": ("bos", llama.llama_vocab_bos),
    "eos": ("eos", llama.llama_vocab_eos),
    "unk": ("unknown", lambda _: -1),
    "sep": ("seperator", llama.llama_vocab_sep),
    "pad": ("padding", llama.llama_vocab_pad),
}
_NOT_TEXT = (
    llama.LLAMA_TOKEN_ATTR_CONTROL
    | llama.LLAMA_TOKEN_ATTR_UNKNOWN
    | llama.LLAMA_TOKEN_ATTR_USER_DEFINED
)
_LONGEST_OVERRIDE = 127
_CACHE_TYPES = {"f32": llama.GGML_TYPE_F32, "f16": llama.GGML_TYPE_F16}


def has_gpu_support() -> bool:
    """Return whether llama.cpp was built for a GPU and finds one.

    `llama_supports_gpu_offload` also says so of a build that could only ask other machines (RPC).
    """
    find = llama._lib.ggml_backend_dev_by_type
    find.restype = ctypes.c_void_p
    return any(find(kind) for kind in _GPU_DEVICES)


class Model(Closing):
    """A loaded GGUF: its vocabulary, its description and its chat template. Use as a context."""

    def __init__(
        self,
        path: Path,
        name: str,
        is_chat: bool | None = None,
        gpu_layers: int = 0,
        vocabulary_only: bool = False,
        stated: Mapping[str, str] = MappingProxyType({}),
        lacking: Mapping[str, str] = MappingProxyType({}),
        unpacks: bool = False,
    ) -> None:
        """Load `path`; `is_chat` None takes a model with a chat template for a chat model.

        With `unpacks` its contexts multiply by BLAS alone, where llama.cpp has that.
        Metadata that is `stated` replaces the file's own; of `lacking` only what the file lacks is
        taken. Raises ValuescopeError when the file is not a GGUF file, is cut off, predicts no
        next token or has a tokenizer that llama.cpp cannot read rightly.
        """
        self.path, self.name = path, name
        self.metadata_overrides = dict(stated)
        self._gpu_layers, self._vocabulary_only = gpu_layers, vocabulary_only
        self.unpacks = unpacks
        self._load()
        try:
            if LOG.heard(MISSING_PRE_TOKENIZER) and PRE_TOKENIZER in lacking:
                self.close()
                self.metadata_overrides[PRE_TOKENIZER] = lacking[PRE_TOKENIZER]
                self._load()
            if CHAT_TEMPLATE in lacking and self._template is None:
                self.metadata_overrides[CHAT_TEMPLATE] = lacking[CHAT_TEMPLATE]
            # What Python and the vocabulary take, of which llama.cpp says nothing.
            in_main_memory = sum(b.size for b in self.buffers if b.is_in_main_memory)
            self._process_bytes = max(0, resident_bytes() - in_main_memory)
            self.description = self._describe()
            self._require_next_token()
            self.notices = LOG.take_reports(name)
            has_template = self.description.chat_template is not None
            self.is_chat = has_template if is_chat is None else is_chat
            self.bos = self._special_token("bos")
            self.adds_bos = bool(llama.llama_vocab_get_add_bos(self._vocabulary))
            self._require_bos()
            self._report_default_splitter()
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(
        cls,
        model_file: ModelFile,
        path: Path | None = None,
        gpu_layers: int = 0,
        vocabulary_only: bool = False,
        unpacks: bool = False,
    ) -> Self:
        """Load a model file, or its weights written out at `path`, as the registry knows it."""
        registered = model_file.registered
        stated = model_file.pre_tokenizer
        return cls(
            path or model_file.path,
            model_file.name,
            registered.is_chat if registered else None,
            gpu_layers,
            vocabulary_only,
            {PRE_TOKENIZER: stated} if stated else {},
            supplied_metadata(registered.model_name) if registered else {},
            unpacks,
        )

    def _load(self) -> None:
        llama.llama_backend_init()
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = self._gpu_layers
        parameters.vocab_only = self._vocabulary_only
        # BLAS multiplies weights in the file's order only.
        parameters.use_extra_bufts = not self.unpacks
        overrides = _overrides(self.metadata_overrides)
        parameters.kv_overrides = overrides
        if not self._vocabulary_only and self._is_put_in_another_order(parameters):
            # Else the file's own pages stay beside the copy.
            parameters.load_mode = llama.LLAMA_LOAD_MODE_NONE
        LOG.start()
        self._model = llama.llama_model_load_from_file(os.fsencode(self.path), parameters)
        if not self._model:
            raise ValuescopeError(self._load_failure(LOG.first_error))
        self.buffers = LOG.take_buffers()
        self._vocabulary = llama.llama_model_get_vocab(self._model)

    def _is_put_in_another_order(self, parameters: Any) -> bool:
        """Return whether llama.cpp will copy weights of a large file, having asked it."""
        if self._gpu_layers or self.path.stat().st_size < _LARGE_FILE:
            return False
        LOG.start()
        # Without a mapped file, which llama.cpp has to allocate.
        usual, parameters.load_mode = parameters.load_mode, llama.LLAMA_LOAD_MODE_NONE
        parameters.no_alloc = True
        asked = llama.llama_model_load_from_file(os.fsencode(self.path), parameters)
        parameters.no_alloc, parameters.load_mode = False, usual
        if asked:
            llama.llama_model_free(asked)
        return any(buffer.is_another_order for buffer in LOG.take_buffers())

    def _load_failure(self, reason: str) -> str:
        """Return what to say of a file that llama.cpp could not load, and what to do."""
        path = self.path
        if "unknown pre-tokenizer" in reason:
            return (
                f"llama.cpp does not know how {path} splits text: {reason}. Use one of its names "
                "with --pre-tokenizer, such as llama-bpe, phi-2 or qwen2."
            )
        # llama.cpp says what is wrong with a damaged header.
        with suppress(ValuescopeError):
            header = read_header(path)
            if kind := header.other_kind if self._vocabulary_only else header.refusal:
                return f"{path} is {kind}. Choose the file of a text generation model."
        if re.search(r"allocat|out of memory", reason, re.IGNORECASE):
            return (
                f"There is not enough memory for {path}: {reason}. Close other programs, or use a "
                "smaller model or quantization."
            )
        return (
            f"llama.cpp cannot load {path}: {reason}. Check that the download is complete (compare "
            "its size and SHA-256 with the source) and is a .gguf file."
        )

    def close(self) -> None:
        """Free the weights."""
        if self._model:
            llama.llama_model_free(self._model)
            self._model = None

    @property
    def is_attention_only(self) -> bool:
        """Return False for recurrent and hybrid memories, which cannot share or cut sequences."""
        return not (
            llama.llama_model_is_recurrent(self._model) or llama.llama_model_is_hybrid(self._model)
        )

    @property
    def has_experts(self) -> bool:
        """Return whether only some of the weights compute each token."""
        return self._metadata(f"{self.description.architecture}.expert_count") not in (None, "0")

    @property
    def sliding_window(self) -> int:
        """Return how many tokens local layers look back; 0 if every layer sees all tokens."""
        return int(llama.llama_model_n_swa(self._model))

    def tokenise(self, text: str, special: bool = False) -> tuple[int, ...]:
        """Return token ids of `text` without BOS; `special` reads control tokens spelled out in it.

        Raises ValuescopeError for a character that the vocabulary cannot spell.
        """
        if self._letters is not None and not self._letters.issuperset(text):
            (letter, *_) = sorted(set(text) - self._letters)
            raise ValuescopeError(
                f"The vocabulary of {self.name} has no token for {letter!r}, and none for its "
                "bytes, so that it cannot read the question. Use another conversion of the model."
            )
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
        """Return token ids of `text`, with one BOS first if the model's metadata asks for it."""
        tokens = self.tokenise(text, special)
        if self.adds_bos and self.bos is not None and tokens[:1] != (self.bos,):
            return (self.bos, *tokens)
        return tokens

    def tokenise_followed(
        self, text: str, endings: Sequence[str], special: bool = False
    ) -> list[tuple[int, ...]]:
        """Return token ids of `text` with each of `endings`, tokenised jointly, BOS first if asked.

        Control tokens cut a text into parts that are tokenised apart, so that only the text
        from the last one on has to be read again for each ending.
        """
        whole = self.tokenise_with_bos(text, special)
        head: tuple[int, ...] = ()
        tail = text
        last = next((i for i in reversed(range(len(whole))) if self.is_control(whole[i])), None)
        if special and last is not None:
            cut = text.rfind(self.piece(whole[last]))
            if cut >= 0 and self.tokenise(text[cut:], special) == whole[last:]:
                head, tail = whole[:last], text[cut:]
        if not head:
            return [self.tokenise_with_bos(tail + ending, special) for ending in endings]
        return [(*head, *self.tokenise(tail + ending, special)) for ending in endings]

    def is_control(self, token: int) -> bool:
        """Return whether a token is not text but steers the model, as chat turns do."""
        return bool(llama.llama_vocab_is_control(self._vocabulary, token))

    def reads_control_tokens(self, text: str) -> bool:
        """Return whether `text` spells out control tokens."""
        if self._control_beginnings.isdisjoint(text):
            return False
        return self.tokenise(text, special=True) != self.tokenise(text)

    @cached_property
    def _control_beginnings(self) -> frozenset[str]:
        """Return the characters that control tokens begin with."""
        kinds = llama.LLAMA_TOKEN_ATTR_CONTROL | llama.LLAMA_TOKEN_ATTR_UNKNOWN
        return frozenset(
            self._token_text(token)[:1]
            for token in range(self.description.vocabulary_size)
            if llama.llama_vocab_get_attr(self._vocabulary, token) & kinds
        )

    @cached_property
    def _letters(self) -> frozenset[str] | None:
        """Return the characters of a vocabulary that lacks some bytes; None: all characters.

        SentencePiece spells what it has no token for in bytes, and llama.cpp ends the process where
        it finds none.
        """
        if llama.llama_vocab_type(self._vocabulary) != llama.LLAMA_VOCAB_TYPE_SPM:
            return None
        texts = {self._token_text(token) for token in range(self.description.vocabulary_size)}
        if texts.issuperset(f"<0x{byte:02X}>" for byte in range(256)):
            return None
        spelled = (chr(byte) for byte in range(128) if f"<0x{byte:02X}>" in texts)
        letters = {text.replace("▁", " ") for text in texts if len(text) == 1}
        return frozenset(letters.union(spelled))

    def texts_of(self, characters: str) -> Iterator[tuple[int, str]]:
        """Yield the tokens whose text is made of `characters` only, each with its text."""
        known = set(characters)
        for token in range(self.description.vocabulary_size):
            text = self.piece(token)
            if text and set(text) <= known and not self.is_control(token):
                yield token, text

    def piece(self, token: int) -> str:
        """Return the text of one token, control tokens spelled out."""
        buffer = ctypes.create_string_buffer(256)
        length = llama.llama_token_to_piece(self._vocabulary, token, buffer, 256, 0, True)
        return buffer.raw[: max(0, length)].decode(errors="replace")

    @cached_property
    def chat_template(self) -> ChatTemplate:
        """Return the model's chat template, ready for questions.

        Raises ValuescopeError if the file has no template or no answer can follow it.
        """
        source = self._template
        if source is None:
            raise ValuescopeError(
                f"{self.name} is a chat model but its file has no chat template. Ask it in plain "
                "text with --chat raw."
            )
        try:
            template = source.decode()
        except UnicodeDecodeError as error:
            raise ValuescopeError(
                f"The chat template of {self.name} is not UTF-8 text ({error.reason} at byte "
                f"{error.start}). Ask the model in plain text with --chat raw."
            ) from error
        tokens = {name: self._special_token(name) for name in _SPECIAL_TOKENS}
        special_tokens = {
            f"{name}_token": self._token_text(token)
            for name, token in tokens.items()
            # A template may add to BOS and EOS without asking whether there are any.
            if token is not None or name in ("bos", "eos")
        }
        return open_chat_template(template, special_tokens, self.name)

    def chat_text(self, user_text: str) -> str:
        """Return `user_text` as the user's turn of the model's chat template, up to the answer.

        Raises ValuescopeError when the file has no template or the template fails.
        """
        return self.chat_template.prompt(user_text)

    @property
    def weight_bytes(self) -> int:
        """Return the size of the weights in memory, copies in another order counted too."""
        return sum(buffer.size for buffer in self.buffers)

    def memory_bytes(self, context: "Context") -> int:
        """Return the memory of the process that scores in `context`, at its peak.

        All that llama.cpp has set aside, what the process held besides when it was loaded, and what
        a question's cells take; BLAS says nothing of the largest matrix, that of the vocabulary,
        which it unpacks as a whole.
        """
        matrix = self.description.vocabulary_size * llama.llama_model_n_embd(self._model)
        unpacked = BYTES_A_WEIGHT["f32"] * matrix if self.unpacks else 0
        of_python = self._process_bytes + _CELLS_BYTES
        return of_python + self.weight_bytes + context.buffer_bytes + int(unpacked)

    def new_context(
        self, context_size: int, numerics: Numerics, threads: int, sequences: int = 1
    ) -> "Context":
        """Open a context of `context_size` tokens. Raises ValuescopeError when memory is short."""
        return Context(self, self._model, context_size, numerics, threads, sequences)

    @property
    def _template(self) -> bytes | None:
        if CHAT_TEMPLATE in self.metadata_overrides:
            return self.metadata_overrides[CHAT_TEMPLATE].encode()
        template: bytes | None = llama.llama_model_chat_template(self._model, None)
        return template

    def _special_token(self, name: str) -> int | None:
        """Return the token of that role; None where the file names none that its vocabulary has.

        Vocabularies of SentencePiece and their like have theirs by convention.
        """
        key, default = _SPECIAL_TOKENS[name]
        stated = self._metadata(f"tokenizer.ggml.{key}_token_id")
        if stated is not None and 0 <= int(stated) < llama.llama_vocab_n_tokens(self._vocabulary):
            return int(stated)
        # llama.cpp takes token 11 of GPT-2's kind of vocabulary, which is a comma.
        token = -1 if self._is_bpe else default(self._vocabulary)
        return token if token >= 0 else None

    def _require_bos(self) -> None:
        """Report a strange first token. Raises ValuescopeError where one is asked and not named."""
        if not self.adds_bos:
            return
        if self.bos is None:
            raise ValuescopeError(
                f"{self.name} asks for a first token of every text (BOS) and names none that its "
                "vocabulary has: its tokenizer.ggml.bos_token_id is "
                f"{self._metadata('tokenizer.ggml.bos_token_id') or 'missing'}. Use another "
                "conversion of the model."
            )
        if not llama.llama_vocab_get_attr(self._vocabulary, self.bos) & _NOT_TEXT:
            self.notices += (
                f"Every prompt of {self.name} begins with {self.piece(self.bos)!r}, a token of "
                "ordinary text, because its file says so. Compare it with the model's own "
                "tokenizer.",
            )

    def _report_default_splitter(self) -> None:
        stated = self.metadata_overrides.get(PRE_TOKENIZER) or self._metadata(PRE_TOKENIZER)
        if self._is_bpe and stated == "default":
            self.notices += (
                f"{self.name} splits text in llama.cpp's default way, because its file says so. "
                "Few models were trained with it: state the model's own with --pre-tokenizer.",
            )

    @property
    def _is_bpe(self) -> bool:
        """Return whether the vocabulary is of GPT-2's kind, the only one that splits text first."""
        return bool(llama.llama_vocab_type(self._vocabulary) == llama.LLAMA_VOCAB_TYPE_BPE)

    def _token_text(self, token: int | None) -> str:
        if token is None or token < 0:
            return ""
        text: bytes | None = llama.llama_vocab_get_text(self._vocabulary, token)
        return (text or b"").decode(errors="replace")

    def _describe(self) -> ModelDescription:
        # From the metadata, which is there without the weights too.
        kind = self._metadata("general.file_type")
        file_type = llama.llama_ftype_name(
            int(kind) if kind else llama.llama_model_ftype(self._model)
        )
        template = self._template
        return ModelDescription(
            architecture=self._metadata("general.architecture"),
            parameter_count=int(llama.llama_model_n_params(self._model)),
            quantization=file_type.decode() if file_type else None,
            context_length=int(llama.llama_model_n_ctx_train(self._model)),
            vocabulary_size=int(llama.llama_vocab_n_tokens(self._vocabulary)),
            chat_template=template.decode(errors="backslashreplace") if template else None,
        )

    def _metadata(self, key: str) -> str | None:
        size = 256
        buffer = ctypes.create_string_buffer(size)
        length = llama.llama_model_meta_val_str(self._model, key.encode(), buffer, size)
        return buffer.value.decode(errors="replace") if length >= 0 else None

    def _require_next_token(self) -> None:
        """Raise ValuescopeError for a model that does something else than predict a next token."""
        architecture = self.description.architecture or ""
        pooling = self._metadata(f"{architecture}.pooling_type")
        causal = self._metadata(f"{architecture}.attention.causal")
        if llama.llama_model_is_diffusion(self._model):
            kind = "a diffusion model"
        elif llama.llama_model_has_encoder(self._model):
            kind = "a model with an encoder"
        elif (
            pooling not in (None, "0")
            or causal == "false"
            or any(name in architecture for name in _EMBEDDING_ARCHITECTURES)
        ):
            kind = "an embedding model"
        else:
            return
        raise ValuescopeError(
            f"{self.path} is {kind} ({architecture}): it does not predict each next token from "
            "those before it, so its answers have no such probabilities. Choose a text generation "
            "model."
        )


def _overrides(metadata: Mapping[str, str]) -> Any:
    """Return metadata that replaces a file's own: llama.cpp's array, which an empty key ends.

    Raises ValuescopeError for a text that is too long for it.
    """
    # Of the chat template llama.cpp makes no use here.
    used = {key: value for key, value in metadata.items() if key != CHAT_TEMPLATE}
    overrides = (llama.llama_model_kv_override * (len(used) + 1))()
    for override, (key, value) in zip(overrides, used.items(), strict=False):
        if len(value.encode()) > _LONGEST_OVERRIDE:
            raise ValuescopeError(f"'{value}' is too long for {key}.")
        override.tag = llama.LLAMA_KV_OVERRIDE_TYPE_STR
        override.key = key.encode()
        override.value.val_str = value.encode()
    return overrides


@dataclass(frozen=True)
class BatchToken:
    """One token to decode: its position, the sequences it belongs to, and what may follow it.

    `wanted` are the token ids whose probability right after this token is asked for.
    """

    token: int
    position: int
    sequences: Sequence[int]
    wanted: Collection[int]


class Context(Closing):
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
        self._least_rows = min(LEAST_BLAS_ROWS, numerics.batch_size) if model.unpacks else 0
        self.reset_counts()
        self.on_decode: Callable[[], None] = lambda: None
        self._name = model.name
        self._vocabulary_size = model.description.vocabulary_size
        self.most_rows = _most_rows(self._vocabulary_size, numerics.batch_size)
        parameters = llama.llama_context_default_params()
        # One sequence more, for tokens that only fill a batch.
        parameters.n_ctx = context_size + self._least_rows
        parameters.n_batch = parameters.n_ubatch = numerics.batch_size
        # llama.cpp reserves room for this many rows of logits, at least one a sequence.
        parameters.n_outputs_max = max(self.most_rows, sequences + bool(self._least_rows))
        parameters.n_seq_max = sequences + bool(self._least_rows)
        # One cache for all sequences, which then share cells; and a whole one for models with a
        # sliding window, where a pruned cache goes wrong without saying so.
        parameters.kv_unified = True
        parameters.swa_full = True
        parameters.type_k = parameters.type_v = _CACHE_TYPES[numerics.kv_cache_type]
        parameters.flash_attn_type = int(numerics.flash_attention)
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.no_perf = True
        self._readers = ThreadPoolExecutor(threads)
        self._batch = _Batch(numerics.batch_size)
        self._context = llama.llama_init_from_model(handle, parameters)
        if not self._context:
            raise ValuescopeError(
                f"No context of {context_size} tokens for {model.name}: {LOG.first_error}. Free "
                "memory or use a smaller model."
            )
        self.buffer_bytes = sum(buffer.size for buffer in LOG.take_buffers())
        try:
            self.notices = LOG.take_reports(model.name)
        except ValuescopeError:
            self.close()
            raise
        self._memory = llama.llama_get_memory(self._context)

    def close(self) -> None:
        """Free the cache."""
        self._readers.shutdown()
        if self._context:
            llama.llama_free(self._context)
            self._context = None

    def reset_counts(self) -> None:
        """Start counting tokens and seconds anew."""
        self.tokens_decoded = 0
        self.seconds_decoding = self.seconds_reading = 0.0

    def clear(self) -> None:
        """Clear the cache."""
        llama.llama_memory_clear(self._memory, True)

    def copy_sequence(self, source: int, target: int, length: int | None = None) -> None:
        """Let `target`, which must be empty, share the past of `source`.

        `length` shares its first positions only, which recurrent memories cannot do.
        """
        end = -1 if length is None else length
        llama.llama_memory_seq_cp(self._memory, source, target, 0 if end >= 0 else -1, end)

    def drop_sequence(self, sequence: int) -> None:
        """Forget all that `sequence` holds; what others share of it stays."""
        if not llama.llama_memory_seq_rm(self._memory, sequence, -1, -1):
            raise ValuescopeError(
                f"The memory of {self._name} does not let a sequence go; score it with "
                "--path sequence."
            )

    def keep_only(self, sequence: int) -> None:
        """Forget every sequence but one."""
        llama.llama_memory_seq_keep(self._memory, sequence)

    def decode(self, tokens: Sequence[BatchToken]) -> list[dict[int, float]]:
        """Decode `tokens`, at most `batch_size`, after what the cache holds.

        Returns, for each token, the natural-log probabilities of what was wanted after it.
        Raises ValuescopeError when llama.cpp fails or warns of what is refused, or when logits are
        not finite.
        """
        started = time.perf_counter()
        entries = self._filled_up(tokens)
        batch = self._batch.fill(entries)
        LOG.errors.clear()
        code = llama.llama_decode(self._context, batch)
        if code != 0:
            raise ValuescopeError(
                f"llama.cpp could not decode {len(tokens)} tokens with {self._name} (code {code}: "
                f"{LOG.first_error}). Nothing of this question was kept; repeat the command, or "
                "try a smaller model if memory ran out."
            )
        llama.llama_synchronize(self._context)
        if LOG.warnings:
            self.notices += LOG.take_reports(self._name)
        decoded = time.perf_counter()
        values = self._read([entry.wanted for entry in entries])
        if self._least_rows:
            self.drop_sequence(self.sequences)
            values = [found if t.wanted else {} for t, found in zip(tokens, values, strict=False)]
        self.tokens_decoded += len(tokens)
        self.seconds_decoding += decoded - started
        self.seconds_reading += time.perf_counter() - decoded
        return values

    def _filled_up(self, tokens: Sequence[BatchToken]) -> Sequence[BatchToken]:
        """Return `tokens` with as many more tokens and output rows as BLAS needs to be used."""
        missing = self._least_rows - len(tokens)
        filled = [*tokens, *(BatchToken(0, i, (self.sequences,), ()) for i in range(missing))]
        missing = self._least_rows - sum(bool(entry.wanted) for entry in filled)
        for i, entry in enumerate(filled):
            if missing > 0 and not entry.wanted:
                filled[i] = replace(entry, wanted=(0,))
                missing -= 1
        return filled

    def _read(self, wanted: Sequence[Collection[int]]) -> list[dict[int, float]]:
        """Return the wanted values of the batch just decoded, rows shared out among threads."""
        asked = [tokens for tokens in wanted if tokens]
        if not asked:
            return [{} for _ in wanted]
        pointer = llama.llama_get_logits(self._context)
        if not pointer:
            raise ValuescopeError(f"llama.cpp gave no logits for {self._name}; repeat the command.")
        rows = np.ctypeslib.as_array(pointer, shape=(len(asked), self._vocabulary_size))
        values = self._readers.map(
            lambda row, tokens: log_probabilities(row, tokens, self._name), rows, asked
        )
        return [next(values) if tokens else {} for tokens in wanted]

    def batches(self, tokens: Iterable[BatchToken]) -> Iterator[list[BatchToken]]:
        """Cut `tokens` into batches within the batch size and the room for output rows."""
        batch: list[BatchToken] = []
        rows = 0
        for entry in tokens:
            batch.append(entry)
            rows += bool(entry.wanted)
            if len(batch) == self.batch_size or rows == self.most_rows:
                yield batch
                batch, rows = [], 0
        if batch:
            yield batch


def _most_rows(vocabulary_size: int, batch_size: int) -> int:
    """Return how many rows of logits one batch may request, so that memory stays bounded."""
    return max(1, min(batch_size, _OUTPUT_BYTES // (4 * vocabulary_size)))


class _Batch:
    """Memory for one `llama_batch`, filled anew for each decode."""

    def __init__(self, size: int) -> None:
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequence_counts = np.zeros(size, np.int32)
        self._first_sequences = np.zeros(size, np.uintp)
        self._outputs = np.zeros(size, np.int8)
        self._sequences = np.zeros(0, np.int32)
        # Typed by the library as arrays, which it fills with pointers itself.
        batch: Any = llama.llama_batch()
        integers = ctypes.POINTER(ctypes.c_int32)
        batch.token = self._tokens.ctypes.data_as(integers)
        batch.pos = self._positions.ctypes.data_as(integers)
        batch.n_seq_id = self._sequence_counts.ctypes.data_as(integers)
        batch.seq_id = self._first_sequences.ctypes.data_as(ctypes.POINTER(integers))
        batch.logits = self._outputs.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        self._batch: llama.llama_batch = batch

    def fill(self, tokens: Sequence[BatchToken]) -> llama.llama_batch:
        """Return the batch of `tokens`, valid until the next call."""
        count = len(tokens)
        self._tokens[:count] = [entry.token for entry in tokens]
        self._positions[:count] = [entry.position for entry in tokens]
        self._outputs[:count] = [bool(entry.wanted) for entry in tokens]
        counts = np.array([len(entry.sequences) for entry in tokens])
        self._sequence_counts[:count] = counts
        # llama.cpp reads a pointer to each token's sequences; all of them are in one array.
        self._sequences = np.fromiter(
            chain.from_iterable(entry.sequences for entry in tokens), np.int32, counts.sum()
        )
        offsets = (np.cumsum(counts) - counts) * self._sequences.itemsize
        self._first_sequences[:count] = self._sequences.ctypes.data + offsets
        self._batch.n_tokens = count
        return self._batch


def log_probabilities(
    logits: NDArray[np.float32], tokens: Iterable[int], model_name: str
) -> dict[int, float]:
    """Return natural-log softmax of one row of logits at `tokens`, over the whole vocabulary.

    Exponentials in float32, as precise as the logits themselves, summed in float64.
    Raises ValuescopeError when the row has a NaN or no finite maximum, or minus infinity at one
    of `tokens`, which would be an answer without any probability.

    >>> round(log_probabilities(np.zeros(4, np.float32), [2], "m")[2], 6)
    -1.386294
    """
    maximum = logits.max()
    with np.errstate(invalid="ignore"):  # infinite logits are reported below
        exponentials = np.subtract(logits, maximum)
        np.exp(exponentials, out=exponentials)
        normaliser = float(maximum) + math.log(float(exponentials.sum(dtype=np.float64)))
    values = {token: float(logits[token]) - normaliser for token in tokens}
    if not all(map(math.isfinite, (normaliser, *values.values()))):
        raise ValuescopeError(
            f"{model_name} gives logits that are not numbers (NaN or infinite), so no answer can "
            "be scored. The file may be damaged, or its computation overflows: try another "
            "quantization."
        )
    return values
