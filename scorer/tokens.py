"""From text to token ids: BOS once, no injected control tokens, and where an answer starts."""

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from llama_cpp import llama_cpp

from scorer.prompts import Answer, Prompt, Segment
from warehouse.errors import ValuescopeError

_ASCII_SPACE = " \t\n\v\f\r"


class Vocabulary:
    """The tokeniser of a loaded model; valid while the model is."""

    def __init__(self, pointer: int) -> None:
        self._pointer = llama_cpp.llama_vocab_p(pointer)
        self.size: int = llama_cpp.llama_vocab_n_tokens(self._pointer)
        self.bos: int = llama_cpp.llama_vocab_bos(self._pointer)
        self.eos: int = llama_cpp.llama_vocab_eos(self._pointer)
        self.adds_bos = self.bos >= 0 and bool(llama_cpp.llama_vocab_get_add_bos(self._pointer))

    def token_text(self, token: int) -> str:
        """The vocabulary's own spelling of a token; empty for "no such token" (-1)."""
        text = llama_cpp.llama_vocab_get_text(self._pointer, token) if token >= 0 else None
        return (text or b"").decode("utf-8", errors="replace")

    def tokenise(self, segments: Sequence[Segment]) -> list[int]:
        """The token ids of the segments read as one text, BOS included where the model has it.

        Control tokens are recognised in template text only, so that no question, choice or
        country can inject one; the text between two control tokens is tokenised in one go, as
        the model's own tokeniser would. BOS comes first once, also when a template spells it.
        """
        tokens: list[int] = []
        for piece in self._split(segments):
            tokens.extend([piece] if isinstance(piece, int) else self._plain_tokens(piece))
        if self.adds_bos and tokens[:1] != [self.bos]:
            tokens.insert(0, self.bos)
        return tokens

    def _split(self, segments: Sequence[Segment]) -> list[int | str]:
        """Control tokens as ids and the stretches of text between them, empty ones left out."""
        pieces: list[int | str] = [""]
        for segment in segments:
            texts: list[int | str] = [segment.text]
            if segment.is_template:
                pattern, tokens = self._control_tokens
                texts = [tokens.get(part, part) for part in pattern.split(segment.text)]
            for part in texts:
                last = pieces[-1]
                if isinstance(part, str) and isinstance(last, str):
                    pieces[-1] = last + part
                else:
                    pieces.append(part)
        return [piece for piece in self._strip_beside_control(pieces) if piece != ""]

    def _strip_beside_control(self, pieces: list[int | str]) -> list[int | str]:
        """Drop white space that a control token swallows by its own attributes."""
        stripped = list(pieces)
        for place, token in enumerate(pieces):
            if not isinstance(token, int):
                continue
            attributes = llama_cpp.llama_vocab_get_attr(self._pointer, token)
            before, after = place - 1, place + 1
            if attributes & llama_cpp.LLAMA_TOKEN_ATTR_LSTRIP and before >= 0:
                text = stripped[before]
                stripped[before] = text.rstrip(_ASCII_SPACE) if isinstance(text, str) else text
            if attributes & llama_cpp.LLAMA_TOKEN_ATTR_RSTRIP and after < len(stripped):
                text = stripped[after]
                stripped[after] = text.lstrip(_ASCII_SPACE) if isinstance(text, str) else text
        return stripped

    @cached_property
    def _control_tokens(self) -> tuple[re.Pattern[str], dict[str, int | str]]:
        """A pattern that finds control tokens in text, longest first, and their ids."""
        special = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
        texts: dict[str, int | str] = {}
        for token in range(self.size):
            if llama_cpp.llama_vocab_get_attr(self._pointer, token) & special:
                text = self.token_text(token)
                if text:
                    texts.setdefault(text, token)
        longest_first = sorted(texts, key=len, reverse=True)
        # Without control tokens the pattern must match nowhere.
        pattern = "|".join(re.escape(text) for text in longest_first) or r"(?!)"
        return re.compile(f"({pattern})"), texts

    def _plain_tokens(self, text: str) -> list[int]:
        encoded = text.encode()
        # No tokeniser makes more tokens than bytes, but some add a leading space of their own.
        room = len(encoded) + 8
        buffer = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(
            self._pointer, encoded, len(encoded), buffer, room, False, False
        )
        if count < 0:
            raise ValuescopeError(
                f"The model's tokeniser failed on the text {text[:80]!r}. Leave that question "
                "out with --questions, or choose another model."
            )
        return list(buffer[:count])


@dataclass(frozen=True)
class ScoredSpan:
    """Token ids of a prompt with what follows; the tokens from `start` on are scored."""

    tokens: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class TokenisedAnswer:
    """One answer of a cell as tokens.

    `label_token_count` says how many of the answer's first tokens are its label; where the
    label's own tokens are no prefix of them it is None and `label_apart` is scored as well.
    """

    answer: Answer
    span: ScoredSpan
    label_token_count: int | None
    label_apart: ScoredSpan | None

    @property
    def spans(self) -> tuple[ScoredSpan, ...]:
        """Everything to be scored for this answer."""
        return (self.span,) if self.label_apart is None else (self.span, self.label_apart)


@dataclass(frozen=True)
class TokenisedCell:
    """One cell as tokens. `boundary_merged` tells that a token spans prompt and answer."""

    prompt: Prompt
    answers: tuple[TokenisedAnswer, ...]
    boundary_merged: bool

    @property
    def token_count(self) -> int:
        """Length of the longest sequence, the context that the cell needs."""
        return max(len(span.tokens) for answer in self.answers for span in answer.spans)


def answer_start(prompt: Sequence[int], joint: Sequence[Sequence[int]]) -> int:
    """Length of the longest prefix of `prompt` that every sequence in `joint` begins with.

    >>> answer_start([5, 6, 7], [[5, 6, 7, 8], [5, 6, 9]])
    2
    """
    start = len(prompt)
    for tokens in joint:
        shared = 0
        while shared < min(start, len(tokens)) and tokens[shared] == prompt[shared]:
            shared += 1
        start = shared
    return start


def tokenise_cell(vocabulary: Vocabulary, prompt: Prompt) -> TokenisedCell:
    """Tokenise a prompt jointly with each of its answers.

    Raises ValuescopeError when nothing precedes an answer or nothing is left of one.
    """
    own = vocabulary.tokenise(prompt.segments)
    joint = [_jointly(vocabulary, prompt, answer.text) for answer in prompt.answers]
    start = answer_start(own, joint)
    if start == 0 or any(len(tokens) <= start for tokens in joint):
        raise ValuescopeError(
            f"The model's tokeniser leaves no prompt or no answer of {prompt.question_id} in the "
            f"prompt {prompt.text[-60:]!r}. Use another template or answer style."
        )
    labels = [
        None if answer.label_text is None else _jointly(vocabulary, prompt, answer.label_text)
        for answer in prompt.answers
    ]
    label_start = answer_start(own, [tokens for tokens in labels if tokens is not None])
    answers = []
    for answer, tokens, label in zip(prompt.answers, joint, labels, strict=True):
        count: int | None = None
        apart: ScoredSpan | None = None
        if label is not None:
            if label_start == start and tokens[: len(label)] == label:
                count = len(label) - start
            else:
                apart = ScoredSpan(tuple(label), label_start)
        answers.append(TokenisedAnswer(answer, ScoredSpan(tuple(tokens), start), count, apart))
    return TokenisedCell(prompt, tuple(answers), boundary_merged=start < len(own))


def _jointly(vocabulary: Vocabulary, prompt: Prompt, answer: str) -> list[int]:
    return vocabulary.tokenise([*prompt.segments, Segment(answer, is_template=False)])
